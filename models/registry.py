"""The model families by name; imports no torch until a family's model is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

from models.config import FamilyConfig, FamilySampler

if TYPE_CHECKING:
    from models.family import Family

T = TypeVar("T")

FAMILIES: dict[str, str] = {
    "vae": "models.families.vae",
    "gan": "models.families.gan",
    "ldm": "models.families.ldm",
}


def config_class(family: str) -> type[FamilyConfig]:
    """Find the hyper-parameters of a family.

    Raises:
        ValueError: The family is not registered.
    """
    return _config_member(family, "Config", FamilyConfig)


def sampler_class(family: str) -> type[FamilySampler]:
    """Find the sampling options of a family.

    Raises:
        ValueError: The family is not registered.
    """
    return _config_member(family, "Sampler", FamilySampler)


def family_class(family: str) -> type[Family[Any, Any]]:
    """Find the model of a family; the first call imports torch.

    Raises:
        ValueError: The family is not registered.
    """
    from models.family import Family

    members = vars(import_module(f"{_folder(family)}.model")).values()
    [found] = [
        member
        for member in members
        if isinstance(member, type) and issubclass(member, Family) and member is not Family
    ]
    return found


def _config_member(family: str, name: str, kind: type[T]) -> type[T]:
    member = cast("type[T]", getattr(import_module(f"{_folder(family)}.config"), name))
    assert issubclass(member, kind)
    return member


def _folder(family: str) -> str:
    if family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise ValueError(f"Unknown family {family!r}: expected one of {known}.")
    return FAMILIES[family]
