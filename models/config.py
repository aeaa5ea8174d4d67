"""What the configuration of every family has in common; imports no torch."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A frozen, strict set of hyper-parameters: unknown names and wrong types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class FamilyConfig(Frozen):
    """Hyper-parameters of one family, checked when built and stored with the weights."""

    @classmethod
    def preset(cls, name: str, image_size: int) -> dict[str, Any]:  # noqa: ARG003
        """Name the fields in which a preset departs from the defaults.

        Args:
            name: A name in `models.presets.PRESETS`.
            image_size: Side of the square training images, in pixels.
        """
        return {}


class FamilySampler(Frozen):
    """How a trained model of one family draws its images."""
