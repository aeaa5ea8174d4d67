"""What the discriminator and the generator minimise: losses, gradient penalties, objectives.

Every loss takes logits of synthetic images and of the real ones that they are paired with, (b,)
each, and returns the mean over the batch. D is the discriminator's logit, x a real image, G(z) a
synthetic one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]


def bce_discriminator(real: Tensor, synthetic: Tensor) -> Tensor:
    """-log sigmoid(D(x)) - log(1 - sigmoid(D(G(z)))); 2 log 2 at the optimum.

    Reference: Goodfellow et al. 2014, eq. 1 (arXiv:1406.2661).
    """
    return F.softplus(-real).mean() + F.softplus(synthetic).mean()


def bce_generator(real: Tensor, synthetic: Tensor) -> Tensor:  # noqa: ARG001
    """-log sigmoid(D(G(z))): the form whose slope does not die while D is sure.

    Reference: Goodfellow et al. 2014, section 3, last paragraph (arXiv:1406.2661).
    """
    return F.softplus(-synthetic).mean()


def lsgan_discriminator(real: Tensor, synthetic: Tensor) -> Tensor:
    """1/2 (D(x) - 1)^2 + 1/2 D(G(z))^2.

    Reference: Mao et al. 2017, eq. 9 (arXiv:1611.04076).
    """
    return 0.5 * ((real - 1).square().mean() + synthetic.square().mean())


def lsgan_generator(real: Tensor, synthetic: Tensor) -> Tensor:  # noqa: ARG001
    """1/2 (D(G(z)) - 1)^2.

    Reference: Mao et al. 2017, eq. 9 (arXiv:1611.04076).
    """
    return 0.5 * (synthetic - 1).square().mean()


def wasserstein_discriminator(real: Tensor, synthetic: Tensor) -> Tensor:
    """D(G(z)) - D(x): minus the distance, where D is the best 1-Lipschitz function.

    Reference: Arjovsky et al. 2017, eq. 2 and algorithm 1 (arXiv:1701.07875).
    """
    return synthetic.mean() - real.mean()


def wasserstein_generator(real: Tensor, synthetic: Tensor) -> Tensor:  # noqa: ARG001
    """-D(G(z)).

    Reference: Arjovsky et al. 2017, algorithm 1, line 10 (arXiv:1701.07875).
    """
    return -synthetic.mean()


def hinge_discriminator(real: Tensor, synthetic: Tensor) -> Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))): nothing for what lies beyond its margin.

    Reference: Lim & Ye 2017, eq. 12 (arXiv:1705.02894); Miyato et al. 2018, eq. 16
    (arXiv:1802.05957).
    """
    return F.relu(1 - real).mean() + F.relu(1 + synthetic).mean()


def hinge_generator(real: Tensor, synthetic: Tensor) -> Tensor:  # noqa: ARG001
    """-D(G(z)).

    Reference: Miyato et al. 2018, eq. 17 (arXiv:1802.05957).
    """
    return -synthetic.mean()


def relativistic_discriminator(real: Tensor, synthetic: Tensor) -> Tensor:
    """log(1 + exp(D(G(z)) - D(x))): a real image need only look more real than its partner.

    Reference: Huang et al. 2024, eq. 2, with f(t) = -log(1 + e^-t) (arXiv:2501.05441);
    Jolicoeur-Martineau 2018 (arXiv:1807.00734).
    """
    return F.softplus(synthetic - real).mean()


def relativistic_generator(real: Tensor, synthetic: Tensor) -> Tensor:
    """log(1 + exp(D(x) - D(G(z)))): the same with the roles exchanged.

    Reference: Huang et al. 2024, eq. 2 (arXiv:2501.05441).
    """
    return F.softplus(real - synthetic).mean()


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


@dataclass(frozen=True)
class Objective:
    """A pair of losses.

    Attributes:
        discriminator: From the logits of real and of synthetic images, (b,) each, to a number.
        generator: Likewise.
        boundary: The logit at which the discriminator is undecided; None where it only compares
            images, so that a logit by itself says nothing.
        unit_gradient: Whether the discriminator's gradient is drawn to norm one rather than zero.
    """

    discriminator: Loss
    generator: Loss
    boundary: float | None
    unit_gradient: bool = False


OBJECTIVES = {
    "bce": Objective(bce_discriminator, bce_generator, boundary=0.0),
    "lsgan": Objective(lsgan_discriminator, lsgan_generator, boundary=0.5),
    "wgan": Objective(wasserstein_discriminator, wasserstein_generator, boundary=None),
    "wgan_gp": Objective(
        wasserstein_discriminator,
        wasserstein_generator,
        boundary=None,
        unit_gradient=True,
    ),
    "hinge": Objective(hinge_discriminator, hinge_generator, boundary=0.0),
    "r3gan": Objective(relativistic_discriminator, relativistic_generator, boundary=None),
}
