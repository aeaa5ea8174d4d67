"""Public images, drawn by the phantom generator: what a private model is trained on first."""

from __future__ import annotations

import numpy as np
import torch

from models.training_images import TrainingImages
from radiographs.phantom import FINDINGS, draw
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
