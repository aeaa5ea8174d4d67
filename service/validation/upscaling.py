"""Which models have a stage that enlarges their images, and to which size."""

from collections.abc import Mapping
from typing import Any

from models import registry
from service.domain import errors
from service.domain.records import Dataset, Model


def check_upscaling(
    family: str, config: Mapping[str, Any], dataset: Dataset, image_size: int
) -> None:
    """Raise UpscaleUnavailable where a stage is to enlarge images, and there are none so large."""
    stored = dataset.image_size or 0
    larger = registry.config_class(family).model_validate(config).upscaled_size(image_size)
    if larger is not None and (larger > stored or stored % larger):
        raise errors.UpscaleUnavailable.at(
            "/config/upscale_share",
            f"A stage that enlarges images of {image_size} px learns from images of {larger} px, "
            f"and dataset {dataset.id} is stored at {stored}. Leave upscale_share out, choose a "
            f"smaller image_size, or ingest the images again at image_size {larger}.",
        )


def resolved_upscale(model: Model, wanted: int | None) -> int | None:
    """Return the size that a model is to enlarge its images to; its second stage must reach it."""
    if wanted is None:
        return None
    config = registry.config_class(model.family).model_validate(dict(model.config))
    possible = config.upscaled_size(model.image_size)
    if wanted == possible:
        return wanted
    if possible is not None:
        advice = f"enlarges its images to {possible} px and to no other size. Ask for that"
    else:
        advice = (
            f"draws images of {model.image_size} px and has no stage that enlarges them. Train "
            "family ldm at 256 px on a dataset that is stored at 512"
        )
    raise errors.UpscaleUnavailable.at(
        "/upscale", f"Model {model.id} {advice}, or leave upscale out."
    )
