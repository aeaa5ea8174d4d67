"""Negative log-likelihoods of images given the decoder's output, in nats per image.

Constants that depend on no weight are left out of `mse` alone, as is usual.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

MIN_VARIANCE = (2 / 255) ** 2 / 12  # that of rounding to 8 bits, in image units
DARKEST = 0.99  # where logits are cut off, in image units


@dataclass(frozen=True)
class Likelihood:
    """How pixels are distributed given the decoder's output.

    Attributes:
        negative_log: From the output and the images, (b, 1, h, w) each, to the mean over the batch.
        mean: From the output to the expected image, in [-1, 1].
        output_of: The other way: an output whose mean is an image as given.
    """

    negative_log: Callable[[Tensor, Tensor], Tensor]
    mean: Callable[[Tensor], Tensor]
    output_of: Callable[[Tensor], Tensor]


def optimal_variance(output: Tensor, images: Tensor) -> Tensor:
    """Find the variance that makes the batch most likely, never below that of 8-bit rounding.

    Reference: Rybkin et al. 2021, eq. 5 (arXiv:2006.13202).
    """
    return (output - images).square().mean().clamp_min(MIN_VARIANCE)


def gaussian(output: Tensor, images: Tensor, variance: Tensor) -> Tensor:
    """Negative log of N(images; output, variance I)."""
    squared_error = (output - images).square().flatten(1).sum(1)
    normaliser = images[0].numel() * torch.log(2 * math.pi * variance)
    return (0.5 * (squared_error / variance + normaliser)).mean()


def sigma(output: Tensor, images: Tensor) -> Tensor:
    """Gaussian of the optimal variance: D/2 log MSE and a constant."""
    return gaussian(output, images, optimal_variance(output, images))


def mse(output: Tensor, images: Tensor) -> Tensor:
    """Gaussian of unit variance, without its constant."""
    return 0.5 * (output - images).square().flatten(1).sum(1).mean()


def bce(output: Tensor, images: Tensor) -> Tensor:
    """Bernoulli pixels, whose logits are the output; grey levels count as probabilities."""
    losses = F.binary_cross_entropy_with_logits(output, (images + 1) / 2, reduction="none")
    return losses.flatten(1).sum(1).mean()


def clamped(output: Tensor) -> Tensor:
    """Expected image of a Gaussian, as far as images can show it."""
    return output.clamp(-1, 1)


def two_sigmoid(output: Tensor) -> Tensor:
    """Expected image of Bernoulli pixels: 2 sigmoid(x) - 1 = tanh(x / 2)."""
    return torch.tanh(output / 2)


def logits(images: Tensor) -> Tensor:
    """Invert `two_sigmoid`, for grey levels not quite black nor white."""
    return 2 * torch.atanh(images.clamp(-DARKEST, DARKEST))


def unchanged(images: Tensor) -> Tensor:
    """Return the images."""
    return images


LIKELIHOODS = {
    "sigma": Likelihood(sigma, clamped, unchanged),
    "mse": Likelihood(mse, clamped, unchanged),
    "bce": Likelihood(bce, two_sigmoid, logits),
}
