"""Snapshots: the averaged weights that images are drawn from, with all it takes to load them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from models.family import Family, ImageSpec
from models.memory_layout import laid_out
from models.registry import config_class, model_class

WEIGHTS = "snapshot.safetensors"
DESCRIPTION = "snapshot.json"


@dataclass(frozen=True)
class Snapshot:
    """A trained model, ready to sample.

    Attributes:
        family: A registered family.
        classes: The label of each class index.
        model: In evaluation mode.
    """

    family: str
    classes: tuple[str, ...]
    model: Family[Any, Any]


def new_model(family: str, config: dict[str, Any], spec: ImageSpec, seed: int) -> Family[Any, Any]:
    """Build an untrained model whose first weights depend on the seed alone.

    Raises:
        ValueError: The family is unknown.
        pydantic.ValidationError: The configuration does not fit the family.
    """
    torch.manual_seed(seed)
    model: Family[Any, Any] = model_class(family)(config_class(family).model_validate(config), spec)
    return model


def save_snapshot(
    folder: Path, family: str, classes: Sequence[str], model: Family[Any, Any]
) -> None:
    """Write the weights and their description into an existing folder."""
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / WEIGHTS)
    text = json.dumps(describe(family, classes, model), indent=2, sort_keys=True)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def describe(family: str, classes: Sequence[str], model: Family[Any, Any]) -> dict[str, Any]:
    """Return what it takes beside the weights to build a model again."""
    return {
        "family": family,
        "classes": list(classes),
        "spec": asdict(model.spec),
        "config": model.config.model_dump(mode="json"),
    }


def load_snapshot(folder: Path, device: torch.device | str = "cpu") -> Snapshot:
    """Read what `save_snapshot` wrote.

    Raises:
        OSError: A file is missing.
        ValueError: The family is not registered.
    """
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    spec = ImageSpec(**description["spec"])
    model = new_model(description["family"], description["config"], spec, seed=0)
    model.load_state_dict(load_file(folder / WEIGHTS))
    laid_out(model, device).eval()
    return Snapshot(description["family"], tuple(description["classes"]), model)
