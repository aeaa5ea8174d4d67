"""Multi-scale structural similarity: how alike images of one class are to each other.

A generator that has lost variety draws images that are more alike than real ones are.

References: Wang et al. 2003, Multiscale structural similarity, equations 2 to 7 (exponents: section
3.2); Odena et al. 2017, section 4.2, for its use as a measure of diversity (arXiv:1610.09585).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from release.labelled_images import Pixels

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest scale on
WINDOW = 11  # pixels
SIGMA = 1.5  # pixels
C_1 = (0.01 * 255) ** 2
C_2 = (0.03 * 255) ** 2
NUM_PAIRS = 200
PAIRS_AT_ONCE = 64


def similarity_within(
    pixels: Pixels, patients: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Compare random pairs of images of different patients, (200,).

    Args:
        pixels: (n, size, size), of one class.
        patients: (n,), of at least two patients.
        rng: Draws the pairs.
    """
    first = rng.integers(len(pixels), size=NUM_PAIRS)
    strangers = [np.flatnonzero(patients != patients[image]) for image in first]
    second = np.array([rng.choice(each) for each in strangers])
    return ms_ssim(pixels[first], pixels[second])


@torch.inference_mode()
def ms_ssim(x: Pixels, y: Pixels) -> NDArray[np.float64]:
    """Compare images pair by pair.

    As many of the five scales are used as leave room for the window of 11 pixels (three at 64 px),
    their exponents scaled to add up to 1. Contrasts that run against each other count as 0.

    Args:
        x: (n, size, size).
        y: Likewise.

    Returns:
        (n,), in [0, 1]; 1 for equal images.

    Raises:
        ValueError: The images are smaller than the window.
    """
    size = x.shape[-1]
    if size < WINDOW:
        raise ValueError(f"MS-SSIM looks through {WINDOW} px, and the images have {size} px.")
    num_scales = sum(size // 2**scale >= WINDOW for scale in range(len(EXPONENTS)))
    exponents = np.array(EXPONENTS[:num_scales]) / sum(EXPONENTS[:num_scales])
    pairs = [torch.from_numpy(each).unsqueeze(1).double() for each in (x, y)]
    found = [
        _at_scales(left, right, exponents)
        for left, right in zip(*(torch.split(each, PAIRS_AT_ONCE) for each in pairs), strict=True)
    ]
    return torch.cat(found).numpy()


def _at_scales(x: Tensor, y: Tensor, exponents: NDArray[np.float64]) -> Tensor:
    product = torch.ones(len(x), dtype=torch.float64)
    for scale, exponent in enumerate(exponents.tolist()):
        luminance, contrast = _compared(x, y)
        is_last = scale == len(exponents) - 1
        compared = luminance * contrast if is_last else contrast
        product = product * compared.mean((1, 2, 3)).clamp_min(0) ** exponent
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return product


def _compared(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Compare the luminance, and the contrast together with the structure, around each pixel."""
    mu_x, mu_y = _blurred(x), _blurred(y)
    variance_x = _blurred(x * x) - mu_x**2
    variance_y = _blurred(y * y) - mu_y**2
    covariance = _blurred(x * y) - mu_x * mu_y
    luminance = (2 * mu_x * mu_y + C_1) / (mu_x**2 + mu_y**2 + C_1)
    contrast = (2 * covariance + C_2) / (variance_x + variance_y + C_2)
    return luminance, contrast


def _blurred(x: Tensor) -> Tensor:
    offsets = torch.arange(WINDOW, dtype=x.dtype) - WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    window = window / window.sum()
    return F.conv2d(F.conv2d(x, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
