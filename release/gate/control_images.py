"""Makes the positive controls of a dataset from its training images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from release.data import LabelledImages, Splits
from release.gate.control_transforms import CONTROL_TRANSFORMS, part_transforms
from release.gate.positive_controls import IMAGES_PER_CONTROL, NUM_CONTROLS, PositiveControl

SEED = 0


def transformed_controls(splits: Splits) -> Iterator[PositiveControl]:
    """Change training images in all ways; the same for every set."""
    chosen = control_images(splits)
    hosts = splits.holdout.pixels[np.arange(len(chosen)) % len(splits.holdout)]
    for transform in (*CONTROL_TRANSFORMS, *part_transforms(hosts)):
        changed = transform.apply(chosen.pixels, SEED)
        yield PositiveControl(transform.name, changed, transform.required)


def control_images(splits: Splits) -> LabelledImages:
    """Choose the training images that are changed."""
    num_images = int(np.clip(len(splits.train) // IMAGES_PER_CONTROL, *NUM_CONTROLS))
    order = np.random.default_rng(SEED).permutation(len(splits.train))
    return splits.train.where(order[:num_images])
