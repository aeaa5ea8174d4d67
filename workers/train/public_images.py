"""Public images, which a private model is trained on first: phantoms, or published ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.training_images import TrainingImages
from radiographs.phantom import FINDINGS, draw
from radiographs.store.pixel_store import PixelStore
from release.cancellation import check_cancelled

NUM_IMAGES = 3000
SEED = 0


def public_images(image_size: int, num_classes: int, device: torch.device) -> TrainingImages:
    """Draw phantoms, the same each time: 7 s of one core at 64 pixels, 80 s at 256.

    Their labels are random: what a class looks like is private. So a model learns from them what
    radiographs look like, and nothing of the classes.

    Args:
        image_size: Side of the square images, in pixels.
        num_classes: Labels run over all classes.
        device: Where the images are wanted.
    """
    pixels = np.empty((NUM_IMAGES, image_size, image_size), np.uint8)
    for index in range(NUM_IMAGES):
        finding = FINDINGS[index % len(FINDINGS)]
        pixels[index] = draw(finding, seed=SEED, index=index, size=image_size).pixels
        check_cancelled()
    labels = np.random.default_rng(SEED).permutation(NUM_IMAGES) % num_classes
    return TrainingImages(pixels, labels, device)


def published_images(
    store: PixelStore, image_size: int, classes: tuple[str, ...], device: torch.device
) -> TrainingImages:
    """Read the images that a public model was trained on.

    An image whose class the private dataset has too keeps its label, which is public as well.
    The others are given labels at random, as phantoms are; all are where a class would have none.

    Args:
        store: Of the public dataset.
        image_size: Side of the square images, in pixels.
        classes: Those of the private dataset.
        device: Where the images are wanted.
    """
    pixels, labels = store.training(image_size)
    return with_known_labels(pixels, [store.classes[label] for label in labels], classes, device)


def with_known_labels(
    pixels: NDArray[Any], labels: Sequence[str], classes: Sequence[str], device: torch.device
) -> TrainingImages:
    """Keep the labels that the private dataset has too, and draw the others.

    Args:
        pixels: (n, size, size), uint8 or uint16.
        labels: (n,), as published.
        classes: Those of the private dataset.
        device: Where the images are wanted.
    """
    index_of = {label: index for index, label in enumerate(classes)}
    drawn = np.random.default_rng(SEED).permutation(len(labels)) % len(classes)
    known = np.array([index_of.get(label, -1) for label in labels])
    chosen = np.where(known < 0, drawn, known)
    if len(np.unique(chosen)) < len(classes):
        chosen = drawn
    return TrainingImages(pixels, chosen, device)
