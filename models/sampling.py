"""From labels and seeds to pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.config import FamilySampler
from models.family import Family
from models.seeding import ImageNoise

MICRO_BATCH = {"cpu": 8, "cuda": 256}


def sample_pixels(
    model: Family[Any, Any],
    labels: Sequence[int],
    seeds: Sequence[int],
    sampler: FamilySampler,
) -> Iterator[NDArray[np.uint8]]:
    """Draw one film for each label, a micro-batch at a time.

    Every batch has the same size (the last is filled up and cut), so that the kernels a device
    chooses, and with them the bits of an image, do not depend on how many are asked for.

    Yields:
        (b, h, w), in the order of the labels; the b add up to their number.
    """
    device = next(model.parameters()).device
    size = MICRO_BATCH[device.type]
    for start in range(0, len(labels), size):
        chosen = list(labels[start : start + size])
        num_filled = size - len(chosen)
        padded = torch.tensor(chosen + [0] * num_filled, device=device)
        noise = ImageNoise([*seeds[start : start + size], *[0] * num_filled], device)
        with torch.inference_mode():
            images = model.sample(padded, noise, sampler)
        yield to_pixels(images[: len(chosen)])


def to_pixels(images: Tensor) -> NDArray[np.uint8]:
    """Round images in [-1, 1] to pixels; (b, 1, h, w) to (b, h, w)."""
    levels = (images.squeeze(1).float() * 127.5 + 127.5).round().clamp(0, 255)
    pixels: NDArray[np.uint8] = levels.to(torch.uint8).cpu().numpy()
    return pixels
