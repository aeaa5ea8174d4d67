"""From (family, preset, circumstances, what the user changed) to a full configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.config import Circumstances, FamilyConfig
from models.registry import config_class

PRESETS: dict[str, str] = {
    "standard": "The recommended model for the images' size and number, the device and the budget.",
    "tiny": "A model small enough to train in seconds: for tests and trials, not for use.",
}


def resolve_config(
    family: str, preset: str, overrides: Mapping[str, Any], given: Circumstances
) -> FamilyConfig:
    """Complete what the user gave to a full configuration.

    Args:
        family: A registered family.
        preset: A name in `PRESETS`.
        overrides: Fields that replace the preset's.
        given: The size and the number of images, device and budget that the preset is chosen for.

    Raises:
        ValueError: The family or the preset is unknown.
        pydantic.ValidationError: A field is unknown or out of its range.
    """
    config = config_class(family)
    if preset not in PRESETS:
        known = ", ".join(PRESETS)
        raise ValueError(f"Unknown preset {preset!r}: expected one of {known}.")
    return config.model_validate({**config.preset(preset, given), **overrides})
