"""Guidance: push samples away from what a weaker denoiser expects."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from models.diffusion.denoiser import Denoiser
from models.diffusion.paths import Level


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
