"""What keeps the discriminator smooth: penalties on its gradient, and bounds on its weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def squared_gradient_norm(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Mean of |grad_x D(x)|^2 over (b, 1, h, w) images: R1 on real images, R2 on synthetic ones.

    Reference: Mescheder et al. 2018, eq. 9 (arXiv:1801.04406); Huang et al. 2024, eq. 3 and 4
    (arXiv:2501.05441).
    """
    return _squared_norms(discriminator, images).mean()


def unit_gradient_deviation(
    discriminator: Callable[[Tensor], Tensor], real: Tensor, synthetic: Tensor
) -> Tensor:
    """Mean of (|grad_x D(x)| - 1)^2 over images drawn between real and synthetic ones.

    Reference: Gulrajani et al. 2017, eq. 3 and algorithm 1 (arXiv:1704.00028).
    """
    eps = torch.rand(len(real), 1, 1, 1, device=real.device)
    norms = _squared_norms(discriminator, eps * real + (1 - eps) * synthetic).clamp_min(1e-12)
    return (norms.sqrt() - 1).square().mean()


@torch.no_grad()
def clip_weights(module: nn.Module, bound: float) -> None:
    """Force every weight into [-bound, bound].

    Reference: Arjovsky et al. 2017, algorithm 1, line 7 (arXiv:1701.07875).
    """
    for parameter in module.parameters():
        parameter.clamp_(-bound, bound)


def _squared_norms(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """|grad_x D(x)|^2 of each of (b, 1, h, w) images, differentiable: (b,)."""
    images = images.detach().requires_grad_()
    [gradient] = torch.autograd.grad(
        discriminator(images).float().sum(), [images], create_graph=True
    )
    return gradient.float().square().flatten(1).sum(1)
