"""What the discriminator and the generator minimise, one function an equation.

Every function takes logits of synthetic images and of the real ones that they are paired with, (b,)
each, and returns the mean over the batch. D is the discriminator's logit, x a real image, G(z) a
synthetic one.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def bce_discriminator(real: Tensor, synthetic: Tensor) -> Tensor:
    """-log sigmoid(D(x)) - log(1 - sigmoid(D(G(z)))); 2 log 2 where the best D cannot tell.

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
