"""Near duplicates of training images that the gate must find, to be believed if it finds none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.family import Family
from models.sampling import to_pixels
from models.seeding import ImageNoise
from models.snapshot import Snapshot
from release.data import LabelledImages, Splits
from release.gate.control_transforms import CONTROLS, of_parts
from release.gate.positive_controls import Planted
from release.gate.power import NUM_PLANTED

PLANTED = (8, NUM_PLANTED)  # of each kind, at least and at most
IMAGES_PER_PLANTED = 10  # training images for one that is planted
IMAGES_AT_ONCE = 25
REVISED = (0.2, 0.4)  # shares of noise
SEED = 0

# from images (b, 1, h, w), labels (b,) and a seed for each to as many images
Change = Callable[[Tensor, Tensor, Sequence[int]], Tensor | None]


def by_changes(splits: Splits) -> Iterator[Planted]:
    """Plant near duplicates that are images changed a little, the same for every set."""
    chosen = _chosen(splits)
    hosts = splits.holdout.pixels[np.arange(len(chosen)) % len(splits.holdout)]
    for control in (*CONTROLS, *of_parts(hosts)):
        yield Planted(control.name, control.plant(chosen.pixels, SEED), control.required)


def by_model(splits: Splits, snapshot: Snapshot, check: Callable[[], None]) -> Iterator[Planted]:
    """Plant what the model that drew a set makes of images.

    What of it is not found is named as not looked for.

    Args:
        splits: The real images.
        snapshot: The model.
        check: Called often; raises to give up.
    """
    chosen = _chosen(splits)
    for name, change in _changes(snapshot):
        if (made := _changed(snapshot, chosen, change, check)) is not None:
            yield Planted(name, made, required=False)


def _chosen(splits: Splits) -> LabelledImages:
    num_images = int(np.clip(len(splits.train) // IMAGES_PER_PLANTED, *PLANTED))
    order = np.random.default_rng(SEED).permutation(len(splits.train))
    return splits.train.where(order[:num_images])


def _changes(snapshot: Snapshot) -> Iterator[tuple[str, Change]]:
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
    return model.revise(images, labels, ImageNoise(seeds, images.device), share)


def _changed(
    snapshot: Snapshot, images: LabelledImages, change: Change, check: Callable[[], None]
) -> NDArray[np.uint8] | None:
    """Change images, (n, size, size); None where the model cannot."""
    device = next(snapshot.model.parameters()).device
    made = []
    for start in range(0, len(images), IMAGES_AT_ONCE):
        check()
        some = slice(start, start + IMAGES_AT_ONCE)
        batch = torch.from_numpy(images.pixels[some]).float().unsqueeze(1) / 127.5 - 1
        labels = torch.from_numpy(images.labels[some])
        with torch.inference_mode():
            changed = change(batch.to(device), labels.to(device), range(start, start + len(batch)))
        if changed is None:
            return None
        made.append(to_pixels(changed))
    return np.concatenate(made)
