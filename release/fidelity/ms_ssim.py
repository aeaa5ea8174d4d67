"""Variety: how alike images of one class are to each other by multi-scale structural similarity.

A generator that has lost variety draws images that are more alike than real ones are.

Reference: Odena et al. 2017, section 4.2 (arXiv:1610.09585).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from models.nn.image_losses import ms_ssim
from release.data import Pixels

NUM_PAIRS = 200
PAIRS_AT_ONCE = 64


@torch.inference_mode()
def similarity_within(
    pixels: Pixels, patients: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Compare random pairs of images of different patients, (200,).

    Args:
        pixels: (n, size, size), of one class.
        patients: (n,), of at least two patients.
        rng: Draws the pairs.

    Raises:
        ValueError: The images are smaller than the window of 11 pixels.
    """
    first = rng.integers(len(pixels), size=NUM_PAIRS)
    other_patients = [np.flatnonzero(patients != patients[image]) for image in first]
    second = np.array([rng.choice(each) for each in other_patients])
    pairs = [torch.from_numpy(pixels[some])[:, None].double() for some in (first, second)]
    parts = zip(*(torch.split(each, PAIRS_AT_ONCE) for each in pairs), strict=True)
    return torch.cat([ms_ssim(x, y, value_range=255) for x, y in parts]).numpy()
