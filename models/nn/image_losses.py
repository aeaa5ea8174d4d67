"""Distances between images that the eye agrees with more than with the mean squared error."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def gradient_loss(a: Tensor, b: Tensor, num_scales: int = 3) -> Tensor:
    """Compare edges at several scales: the mean absolute difference of the images' gradients.

    Args:
        a: (b, c, h, w).
        b: The same shape.
        num_scales: Each further scale halves the side.

    Reference: Mathieu et al. 2016, eq. 6, with alpha = 1, at every scale (arXiv:1511.05440).
    """
    difference = a - b
    loss = difference.new_zeros(())
    for scale in range(num_scales):
        difference = F.avg_pool2d(difference, 2) if scale > 0 else difference
        loss = loss + difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
    return loss / num_scales


# the exponents of the five scales, the finest first
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, WINDOW_STD = 11, 1.5  # pixels


def ms_ssim_loss(a: Tensor, b: Tensor) -> Tensor:
    """Compare brightness, contrast and structure at as many of five scales as the sides allow.

    Args:
        a: (b, 1, h, w), in [-1, 1]; sides of at least 11 pixels.
        b: The same shape.

    Returns:
        1 - MS-SSIM, 0 for equal images.
    """
    with torch.autocast(a.device.type, enabled=False):
        return 1 - ms_ssim(a.float(), b.float(), value_range=2, least=1e-4).mean()


def ms_ssim(a: Tensor, b: Tensor, value_range: float, least: float = 0.0) -> Tensor:
    """Compute multi-scale structural similarity, pair by pair.

    As many of the five scales are used as leave room for the window (three at 64 px), their
    exponents scaled to add up to 1.

    Args:
        a: (b, 1, h, w); sides of at least 11 pixels.
        b: The same shape.
        value_range: Largest possible value less the smallest.
        least: Means of contrast below it count as it: 0 where contrasts run against each other, a
            little more for a gradient.

    Returns:
        (b,), in [0, 1]; 1 for equal images.

    Raises:
        ValueError: The images are smaller than the window.

    Reference: Wang et al. 2003, Multiscale structural similarity, equations 2 to 7, exponents from
    section 3.2 (doi:10.1109/ACSSC.2003.1292216).
    """
    side = min(a.shape[-2:])
    if side < WINDOW:
        raise ValueError(f"MS-SSIM needs images of {WINDOW} px, and these have {side} px.")
    c1, c2 = (0.01 * value_range) ** 2, (0.03 * value_range) ** 2  # eq. 4
    place = torch.arange(WINDOW, dtype=a.dtype, device=a.device) - WINDOW // 2
    bell = torch.exp(-(place**2) / (2 * WINDOW_STD**2))
    bell = bell / bell.sum()
    num_scales = max(k for k in range(1, 6) if side >> (k - 1) >= WINDOW)
    weights = [weight / sum(SCALE_WEIGHTS[:num_scales]) for weight in SCALE_WEIGHTS[:num_scales]]

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(x, bell.view(1, 1, 1, -1)), bell.view(1, 1, -1, 1))

    similarity = a.new_ones(len(a))
    for scale, weight in enumerate(weights):
        if scale > 0:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        mean_a, mean_b = blur(a), blur(b)
        covariance = blur(a * b) - mean_a * mean_b
        variances = blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2
        local = (2 * covariance + c2) / (variances + c2)
        if scale == len(weights) - 1:
            local = local * (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        similarity = similarity * local.mean(dim=(1, 2, 3)).clamp(min=least) ** weight
    return similarity
