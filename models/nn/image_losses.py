"""Distances between images that the eye agrees with more than with the mean squared error."""

from __future__ import annotations

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
