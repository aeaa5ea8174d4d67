"""Guidance: push samples away from what a weaker denoiser expects."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.diffusion.denoiser import Denoiser
from models.diffusion.paths import Level

EARLY = 0.2  # part of the training that the snapshot follows
HALVINGS = 8.0  # how fast it forgets: the weight of update t of T falls as (t / T)^HALVINGS


def drop_labels(labels: Tensor, probability: float, no_class: int) -> Tensor:
    """Replace each label by `no_class` with a probability, from torch's global source.

    Reference: Ho & Salimans 2022, algorithm 1, line 3 (arXiv:2207.12598).
    """
    dropped = torch.rand(len(labels), device=labels.device) < probability
    return labels.masked_fill(dropped, no_class)


def extrapolated(both: Denoiser, guidance: float) -> Denoiser:
    """Extrapolate from a weak denoiser through a strong one.

    Args:
        both: Takes every noisy image twice and denoises the first half strongly, the second weakly.
        guidance: 1 follows the strong one; more exaggerates what sets it apart.

    References:
        Ho & Salimans 2022, eq. 6, with w = guidance - 1: the weak one knows no class
        (arXiv:2207.12598).
        Karras et al. 2024, eq. 3: the weak one has been trained less (arXiv:2406.02507).
    """

    def denoise(x: Tensor, level: Level) -> Tensor:
        strong, weak = both(torch.cat([x, x]), level).chunk(2)
        return weak + guidance * (strong - weak)

    return denoise


def in_halves(strong: Denoiser, weak: Denoiser) -> Denoiser:
    """Denoise the first half of the images by one denoiser, the second by another."""

    def denoise(x: Tensor, level: Level) -> Tensor:
        first, second = x.chunk(2)
        return torch.cat([strong(first, level), weak(second, level)])

    return denoise


def within(inside: Denoiser, outside: Denoiser, low: float, high: float) -> Denoiser:
    """Use one denoiser where the noise's share lies in [low, high], and another elsewhere.

    Reference: Kynkaanniemi et al. 2024, eq. 5 (arXiv:2404.07724).
    """

    def denoise(x: Tensor, level: Level) -> Tensor:
        chosen = inside if low <= float(level.noise_share) <= high else outside
        return chosen(x, level)

    return denoise


def towards_class(
    denoise: Denoiser, log_likelihood: Callable[[Tensor, Level], Tensor], scale: float
) -> Denoiser:
    """Follow the gradient of a classifier of noisy images.

    The score (alpha D - x) / sigma^2 gains scale * gradient of log p(class | x).

    Args:
        denoise: The denoiser to guide.
        log_likelihood: Maps noisy images at a level to log p(class | x), (b,).
        scale: How far to follow; 0 not at all.

    Reference: Dhariwal & Nichol 2021, algorithm 2 (arXiv:2105.05233).
    """

    def guided(x: Tensor, level: Level) -> Tensor:
        if level.alpha == 0:  # there is nothing to classify
            return denoise(x, level)
        with torch.inference_mode(mode=False), torch.enable_grad():
            noisy = x.clone().requires_grad_()
            [gradient] = torch.autograd.grad(log_likelihood(noisy, level).sum(), noisy)
        return denoise(x, level) + scale * level.sigma**2 / level.alpha * gradient

    return guided


class EarlySnapshot(nn.Module):
    """A copy of a network that follows it for a while, and then stays.

    Reference: Karras et al. 2024, section 5.1: a guiding model trained for less time
    (arXiv:2406.02507); its average as in Karras et al. 2024, section 3.1 (arXiv:2312.02696).
    """

    num_updates: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.register_buffer("num_updates", torch.zeros(()))

    @torch.no_grad()
    def follow(self, network: nn.Module, fraction: float) -> None:
        """Take in the network's weights, as long as its training is young.

        Args:
            network: The network in training.
            fraction: How much of its training is done.
        """
        if fraction > EARLY:
            return
        self.num_updates += 1
        new = 1 - (1 - 1 / self.num_updates) ** (HALVINGS + 1)
        for mine, live in zip(self.network.parameters(), network.parameters(), strict=True):
            mine.lerp_(live, new)
