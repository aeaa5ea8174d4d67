"""The R3GAN loss: relativistic pairing with zero-centred gradient penalties.

Reference: Huang et al. 2024 (arXiv:2501.05441).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def relativistic_pairing(favoured: Tensor, other: Tensor) -> Tensor:
    """Reward `favoured` logits, (b,), for exceeding those of their partners, (b,).

    The discriminator favours the real films, the generator its own; both pay log 2 when they are
    equal.

    Reference: Huang et al. 2024, eq. 2, with f(t) = -log(1 + e^-t); Jolicoeur-Martineau 2018
    (arXiv:1807.00734).
    """
    return F.softplus(other - favoured).mean()


def squared_gradient_norm(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Mean of |grad_x D(x)|^2 over (b, 1, h, w) images: R1 on real films, R2 on synthetic ones.

    Reference: Huang et al. 2024, eq. 3 and 4; Mescheder et al. 2018, eq. 9 (arXiv:1801.04406).
    """
    images = images.detach().requires_grad_()
    [gradient] = torch.autograd.grad(
        discriminator(images).float().sum(), [images], create_graph=True
    )
    return gradient.float().square().flatten(1).sum(1).mean()
