"""What goes with a model's weights when they are released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthcxr.resources import Model

NEEDED = ("id", "family", "image_size", "classes", "config")


def description_of(sha256: str, model: Model, audit: Mapping[str, Any]) -> dict[str, Any]:
    """Say what weights are built into, on what ground they left and on what terms.

    Nothing else of the model's card goes along: its seed and its curves are of the private images.

    Args:
        sha256: Of the weights' file, in hexadecimal.
        model: What was trained.
        audit: What `GET /models/{id}/audit` says of it.
    """
    view = model.model_dump(mode="json")
    return {
        "sha256": sha256,
        "model": {name: view.get(name) for name in NEEDED},
        "clearance": audit["weights"],
        "white_box": audit["white_box"],
        "differential_privacy": model.card.get("differential_privacy"),
    }
