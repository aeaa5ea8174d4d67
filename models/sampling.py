"""From classes and seeds to pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.config import FamilySampler
from models.family import Family
from models.seeding import Between, ImageNoise

MICRO_BATCH = {"cpu": 8, "cuda": 256}


@dataclass(frozen=True)
class Draw:
    """One image to draw.

    Attributes:
        weights: How much of each class, by class index, adding up to 1; classes left out weigh 0.
        seed: The image's own seed, or one on the way between two.
    """

    weights: Mapping[int, float]
    seed: int | Between


def sample_pixels(
    model: Family[Any, Any],
    labels: Sequence[int],
    seeds: Sequence[int],
    sampler: FamilySampler,
) -> Iterator[NDArray[np.uint8]]:
    """Draw one image for each label; yields as `draw_pixels` does."""
    draws = [Draw({label: 1.0}, seed) for label, seed in zip(labels, seeds, strict=True)]
    return draw_pixels(model, draws, sampler)


def draw_pixels(
    model: Family[Any, Any],
    draws: Sequence[Draw],
    sampler: FamilySampler,
    *,
    upscaled: bool = False,
) -> Iterator[NDArray[np.uint8]]:
    """Draw images, a micro-batch at a time.

    Every batch has the same size (the last is filled up and cut), so that the kernels a device
    chooses, and with them the bits of an image, do not depend on how many are asked for.

    Args:
        model: In evaluation mode.
        draws: What to draw.
        sampler: How to draw.
        upscaled: Whether the model enlarges what it draws, see `Family.upscale`.

    Yields:
        (b, h, w), in the order of the draws; the b add up to their number.
    """
    device = next(model.parameters()).device
    size = MICRO_BATCH[device.type]
    for start in range(0, len(draws), size):
        chosen = list(draws[start : start + size])
        filled = chosen + [Draw({0: 1.0}, 0)] * (size - len(chosen))
        noise = ImageNoise([draw.seed for draw in filled], device)
        with torch.inference_mode():
            images = model.sample(_mixtures(filled, model.spec.num_classes, device), noise, sampler)
            if upscaled:
                images = model.upscale(images, noise)
        yield to_pixels(images[: len(chosen)])


def _mixtures(draws: Sequence[Draw], num_classes: int, device: torch.device) -> Tensor:
    mixtures = torch.zeros(len(draws), num_classes)
    for row, draw in zip(mixtures, draws, strict=True):
        for label, weight in draw.weights.items():
            row[label] = weight
    return mixtures.to(device)


def to_pixels(images: Tensor) -> NDArray[np.uint8]:
    """Round images in [-1, 1] to pixels; (b, 1, h, w) to (b, h, w)."""
    levels = (images.squeeze(1).float() * 127.5 + 127.5).round().clamp(0, 255)
    pixels: NDArray[np.uint8] = levels.to(torch.uint8).cpu().numpy()
    return pixels
