"""The model families by name; imports no torch.

A line names the class of a family's model. Its hyper-parameters and its sampling options are the
classes `Config` and `Sampler` of the module `config` beside it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from models.config import FamilyConfig, FamilySampler

FAMILIES: dict[str, str] = {
    "vae": "models.families.vae.model:VariationalAutoencoder",
    "gan": "models.families.gan.model:AdversarialNetwork",
    "ldm": "models.families.ldm.model:LatentDiffusion",
    "ppca": "models.families.ppca.model:ProbabilisticPCA",
}


def config_class(family: str) -> type[FamilyConfig]:
    """Import the class of a family's hyper-parameters.

    Raises:
        ValueError: The family is not registered.
    """
    config: type[FamilyConfig] = _imported(f"{_package(family)}.config:Config")
    return config


def sampler_class(family: str) -> type[FamilySampler]:
    """Import the class of a family's sampling options.

    Raises:
        ValueError: The family is not registered.
    """
    sampler: type[FamilySampler] = _imported(f"{_package(family)}.config:Sampler")
    return sampler


def model_class(family: str) -> Any:
    """Import the class of a family's model, a `models.family.Family`, and torch with it.

    Raises:
        ValueError: The family is not registered.
    """
    return _imported(_path(family))


def _imported(path: str) -> Any:
    """Import what "module:name" names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _package(family: str) -> str:
    return _path(family).partition(":")[0].rpartition(".")[0]


def _path(family: str) -> str:
    if family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise ValueError(f"Unknown family {family!r}: expected one of {known}.")
    return FAMILIES[family]
