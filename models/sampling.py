"""From classes and seeds to pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.accelerator import Accelerator
from models.config import FamilySampler
from models.device_errors import is_out_of_memory
from models.device_memory import give_back_memory, largest_batch
from models.family import Family
from models.seeding import ImageNoise, Seed
from models.threads import Threads

MICRO_BATCH = {"cpu": 8, "cuda": 256}  # at most: on a GPU its memory decides
SMALLEST_BATCH = 8


@dataclass(frozen=True)
class Draw:
    """One image to draw.

    Attributes:
        weights: How much of each class, by class index, adding up to 1; classes left out weigh 0.
        seed: The image's own seed, one on the way between two, or one of a preview.
    """

    weights: Mapping[int, float]
    seed: Seed


def sample_pixels(
    model: Family[Any, Any],
    labels: Sequence[int],
    seeds: Sequence[Seed],
    sampler: FamilySampler,
    accelerator: Accelerator | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Draw one image for each label; yields as `draw_pixels` does."""
    draws = [Draw({label: 1.0}, seed) for label, seed in zip(labels, seeds, strict=True)]
    return draw_pixels(model, draws, sampler, accelerator=accelerator)


def draw_pixels(
    model: Family[Any, Any],
    draws: Sequence[Draw],
    sampler: FamilySampler,
    threads: Threads | None = None,
    accelerator: Accelerator | None = None,
    *,
    upscaled: bool = False,
) -> Iterator[NDArray[np.uint8]]:
    """Draw images, a micro-batch at a time.

    Every batch has the same size (the last is filled up and cut), so that the kernels a device
    chooses, and with them the bits of an image, do not depend on how many are asked for.

    Args:
        model: Ready to sample.
        draws: What to draw.
        sampler: How.
        threads: Of the device's operations, on which the bits of an image do not depend.
        accelerator: What the device has; by default that of a GPU, and nothing on a CPU. Its
            memory then says how large the batches are.
        upscaled: Whether the model enlarges what it draws, see `Family.upscale`.

    Yields:
        (b, h, w), in the order of the draws; the b add up to their number.

    Raises:
        MemoryError, RuntimeError: The memory was too small for half a batch too.
    """
    device = next(model.parameters()).device
    accelerator = accelerator or Accelerator.of(device)
    size = _batch_size(model, sampler, device, accelerator, upscaled=upscaled)
    threads = threads or Threads()
    start, halved = 0, False
    while start < len(draws):
        chosen = draws[start : start + size]
        try:
            with threads.piece():
                images = _batch(model, chosen, size, sampler, accelerator, upscaled=upscaled)
                pixels = to_pixels(images)
        except (MemoryError, RuntimeError) as error:
            if halved or size == 1 or not is_out_of_memory(error):
                raise
            error.__traceback__ = None  # its frames hold the images
            size, halved = size // 2, True
            _make_room(model, accelerator)
            continue
        start += len(chosen)
        yield pixels


def _batch_size(
    model: Family[Any, Any],
    sampler: FamilySampler,
    device: torch.device,
    accelerator: Accelerator | None,
    *,
    upscaled: bool,
) -> int:
    """Choose a size that depends on the device and the model alone; on a GPU by its memory."""
    most = MICRO_BATCH[device.type]
    if accelerator is None:
        return most
    known, name = accelerator.batches(model), f"{sampler.model_dump_json()} {upscaled}"
    if name not in known:
        some = [Draw({0: 1.0}, 0)]
        known[name] = largest_batch(
            lambda size: _batch(model, some, size, sampler, None, upscaled=upscaled),
            accelerator.memory,
            min(SMALLEST_BATCH, most),
            most,
        )
    return known[name]


def _batch(
    model: Family[Any, Any],
    chosen: Sequence[Draw],
    size: int,
    sampler: FamilySampler,
    accelerator: Accelerator | None,
    *,
    upscaled: bool,
) -> Tensor:
    """Draw some images in a batch that is filled up to its size."""
    device = next(model.parameters()).device
    filled = [*chosen, *[Draw({0: 1.0}, 0)] * (size - len(chosen))]
    noise = ImageNoise([draw.seed for draw in filled], device)
    mixtures = _mixtures(filled, model.spec.num_classes, device)
    with torch.inference_mode():
        if accelerator is None:
            images: Tensor = model.sample(mixtures, noise, sampler)
        else:
            images = accelerator.sampling(model, sampler, size)(mixtures, noise)
        if upscaled:
            images = model.upscale(images, noise)
    return images[: len(chosen)]


def _make_room(model: Family[Any, Any], accelerator: Accelerator | None) -> None:
    if accelerator:
        accelerator.forget(model)
    give_back_memory()


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
