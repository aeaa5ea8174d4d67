"""Positive controls made by a model itself: what it turns training images into."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from models.family import Family
from models.sampling import to_pixels
from models.seeding import ImageNoise
from models.snapshot import Snapshot
from release.cancellation import check_cancelled
from release.data import LabelledImages, Splits
from release.gate.control_images import control_images
from release.gate.positive_controls import PositiveControl

IMAGES_AT_ONCE = 25
REVISED = (0.2, 0.4)  # shares of noise

REFINED = "enlarged anew"  # by the second stage, from half the size

# from images (b, 1, h, w), labels (b,) and a seed for each to as many images
Change = Callable[[Tensor, Tensor, Sequence[int]], Tensor | None]


def model_controls(splits: Splits, snapshot: Snapshot) -> Iterator[PositiveControl]:
    """Make near-duplicates by the model that generated a set; none of them must be found.

    Images larger than those it draws are shrunk, changed, and enlarged by its second stage.
    """
    chosen = control_images(splits)
    for name, change in _changes(snapshot, splits.train.pixels.shape[1]):
        if (made := _changed(snapshot, chosen, change)) is not None:
            yield PositiveControl(name, made, required=False)


def _changes(snapshot: Snapshot, size: int) -> Iterator[tuple[str, Change]]:
    """Name the changes of images of a size."""
    factor = size // snapshot.model.spec.size
    if factor == 1:
        yield from _changes_as_drawn(snapshot)
        return
    for name, change in [(REFINED, _unchanged), *_changes_as_drawn(snapshot)]:
        yield name, partial(_enlarged, snapshot.model, change, factor)


def _enlarged(
    model: Family[Any, Any],
    change: Change,
    factor: int,
    images: Tensor,
    labels: Tensor,
    seeds: Sequence[int],
) -> Tensor | None:
    changed = change(avg_pool2d(images, factor), labels, seeds)
    return None if changed is None else model.upscale(changed, ImageNoise(seeds, images.device))


def _unchanged(images: Tensor, labels: Tensor, seeds: Sequence[int]) -> Tensor:  # noqa: ARG001
    return images


def _changes_as_drawn(snapshot: Snapshot) -> Iterator[tuple[str, Change]]:
    yield "the model's own reconstruction", lambda x, y, _: snapshot.model.reconstruct(x, y)
    yield "changed as in the training", lambda x, _, seeds: _augmented(snapshot.model, x, seeds)
    for share in REVISED:
        yield f"drawn anew from {share:.0%} noise", partial(_revised, snapshot.model, share)


def _augmented(model: Family[Any, Any], images: Tensor, seeds: Sequence[int]) -> Tensor | None:
    devices = [images.device] if images.is_cuda else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seeds[0])
        return model.augment(images)


def _revised(
    model: Family[Any, Any], share: float, images: Tensor, labels: Tensor, seeds: Sequence[int]
) -> Tensor | None:
    return model.sdedit(images, labels, ImageNoise(seeds, images.device), share)


def _changed(
    snapshot: Snapshot, images: LabelledImages, change: Change
) -> NDArray[np.uint8] | None:
    """Change images, (n, size, size); None where the model cannot."""
    device = next(snapshot.model.parameters()).device
    made = []
    for start in range(0, len(images), IMAGES_AT_ONCE):
        check_cancelled()
        some = slice(start, start + IMAGES_AT_ONCE)
        batch = torch.from_numpy(images.pixels[some]).float().unsqueeze(1) / 127.5 - 1
        labels = torch.from_numpy(images.labels[some])
        with torch.inference_mode():
            changed = change(batch.to(device), labels.to(device), range(start, start + len(batch)))
        if changed is None:
            return None
        made.append(to_pixels(changed))
    return np.concatenate(made)
