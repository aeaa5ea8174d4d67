"""Films that no patient is behind, for models that may not look at private ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from models.films import Films
from radiographs.phantom import FINDINGS, draw

NUM_FILMS = 3000
SEED = 0


def public_films(
    image_size: int,
    num_classes: int,
    device: torch.device,
    check: Callable[[], None] = lambda: None,
) -> Films:
    """Draw phantoms, the same each time: 7 s of one core at 64 pixels, 80 s at 256.

    Their labels say nothing of what they show: what a class looks like is private. So a model
    learns from them to tell films from films, and not classes from classes.

    Args:
        image_size: Side of the square films, in pixels.
        num_classes: Labels run over all classes.
        device: Where the films are wanted.
        check: Called after each film; raises to give up.
    """
    pixels = np.empty((NUM_FILMS, image_size, image_size), np.uint8)
    for index in range(NUM_FILMS):
        finding = FINDINGS[index % len(FINDINGS)]
        pixels[index] = draw(finding, seed=SEED, index=index, size=image_size).pixels
        check()
    labels = np.random.default_rng(SEED).permutation(NUM_FILMS) % num_classes
    return Films(pixels, labels, device)
