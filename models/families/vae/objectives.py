"""What each kind of autoencoder asks beside the reconstruction.

A variational one asks that its latents follow a prior. The other two are the baselines it grew out
of: a denoising one is shown spoilt images, and a sparse one may use few of its units at a time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.families.vae.config import Config
from models.family import Losses

BLACK = -1.0
MIN_ACTIVATION = 1e-6


class Objective:
    """Asks nothing: the latents are certain, and carry over what they can.

    Attributes:
        is_certain: Whether an image has one vector of latents rather than a distribution of them.
    """

    is_certain = True

    def __init__(self, config: Config) -> None:
        self.config = config

    def shown(self, images: Tensor) -> Tensor:
        """Give what the encoder is shown of images in training, (b, 1, h, w)."""
        return images

    def activated(self, latents: Tensor) -> Tensor:
        """Give the decoder's input for latents, (b, num_latents)."""
        return latents

    def price(self, mean: Tensor, log_variance: Tensor, fraction: float) -> tuple[Tensor, Losses]:  # noqa: ARG002
        """Charge for the latents of a batch, in nats per image; with it, what to report.

        Args:
            mean: Of the latents of each image, (b, num_latents).
            log_variance: Likewise.
            fraction: How much of the training is done.
        """
        return mean.new_zeros(()), {}


class Variational(Objective):
    """Charges the divergence from a standard normal prior.

    Reference: Kingma & Welling 2014, eq. 10 (arXiv:1312.6114); its weight beta: Higgins et al.
    2017, eq. 4; its warm-up: Sønderby et al. 2016, section 2 (arXiv:1602.02282); the free bits:
    Kingma et al. 2016, eq. 15 (arXiv:1606.04934).
    """

    is_certain = False

    def price(self, mean: Tensor, log_variance: Tensor, fraction: float) -> tuple[Tensor, Losses]:
        """Charge the divergence, or the free bits where it is less."""
        divergence = divergence_from_prior(mean, log_variance).mean(0)  # (num_latents,)
        charged = divergence.clamp_min(self.config.free_bits).sum()
        return self._beta(fraction) * charged, {"divergence": divergence.sum()}

    def _beta(self, fraction: float) -> float:
        warmup = self.config.kl_warmup
        return self.config.beta * (min(1.0, fraction / warmup) if warmup > 0 else 1.0)


class Denoising(Objective):
    """Shows images with a fixed number of pixels, chosen anew each time, forced to black.

    Reference: Vincent et al. 2008, section 2.3 (doi:10.1145/1390156.1390294).
    """

    def shown(self, images: Tensor) -> Tensor:
        """Blacken the same number of pixels in each image, (b, 1, h, w)."""
        flat = images.flatten(1)
        num_lost = round(self.config.corruption * flat.shape[1])
        lost = torch.rand_like(flat).topk(num_lost, dim=1).indices
        return flat.scatter(1, lost, BLACK).view_as(images)


class Sparse(Objective):
    """Units that are on for rho of the images each, on average.

    The units are sigmoids, which the decoder gets relative to rho and to their slope there, so
    that small latents pass unchanged.

    Reference: Ng 2011, CS294A lecture notes, "Sparse autoencoder", section 3.
    """

    def activated(self, latents: Tensor) -> Tensor:
        """Give (a - rho) / (rho (1 - rho)), for the activations a."""
        rho = self.config.sparsity
        return (self._activations(latents) - rho) / (rho * (1 - rho))

    def price(self, mean: Tensor, log_variance: Tensor, fraction: float) -> tuple[Tensor, Losses]:  # noqa: ARG002
        """Charge sum_j KL(rho || rho_hat_j), for the mean activations rho_hat over the batch."""
        mean_activations = self._activations(mean).mean(0)
        divergence = divergence_from_sparsity(mean_activations, self.config.sparsity).sum()
        return self.config.sparsity_weight * divergence, {"activation": mean_activations.mean()}

    def _activations(self, latents: Tensor) -> Tensor:
        rho = self.config.sparsity
        return torch.sigmoid(latents + math.log(rho / (1 - rho)))


def divergence_from_prior(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of N(mean, exp(log_variance)) from N(0, 1), in nats per latent.

    Reference: Kingma & Welling 2014, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def divergence_from_sparsity(mean_activations: Tensor, rho: float) -> Tensor:
    """KL divergence of a Bernoulli variable of mean `mean_activations` from one of mean `rho`.

    KL(rho || rho_hat) = rho log(rho / rho_hat) + (1 - rho) log((1 - rho) / (1 - rho_hat)).

    Reference: Ng 2011, CS294A lecture notes, section 3.
    """
    rho_hat = mean_activations.clamp(MIN_ACTIVATION, 1 - MIN_ACTIVATION)
    return rho * (rho / rho_hat).log() + (1 - rho) * ((1 - rho) / (1 - rho_hat)).log()


OBJECTIVES = {"variational": Variational, "denoising": Denoising, "sparse": Sparse}
