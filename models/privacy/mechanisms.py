"""The one door through which private images reach a model: sums with Gaussian noise."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

Noise = Callable[[int], Tensor]
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Release:
    """One noisy sum that was let out.

    Attributes:
        name: What was summed.
        sigma: Standard deviation of the noise, in units of the most that one patient adds.
        num_values: How many numbers were let out.
    """

    name: str
    sigma: float
    num_values: int


class GaussianMechanism:
    """Lets out sums over patients until the privacy agreed on is spent.

    A sum of one vector per patient, none longer than 1, changes by no more than 1 in Euclidean
    length when one patient's vector is replaced by zero: the sensitivity is 1. Noise N(0, sigma^2)
    on every component then makes it 1/sigma-Gaussian private, and the releases together are
    mu-Gaussian private when the sum of their 1/sigma^2 is mu^2, whatever is made of them later
    (see `models.privacy.gaussian`).

    Attributes:
        mu: What all releases together may come to.
        releases: Those made so far.
    """

    def __init__(self, mu: float, noise: Noise | None = None) -> None:
        self.mu = mu
        self.releases: list[Release] = []
        self._noise = noise or secret_noise
        self._left = 1.0

    def noisy_sum(self, name: str, vectors: Iterable[Tensor], share: float) -> Tensor:
        """Sum one vector per patient, each clipped to length 1, and add noise.

        Args:
            name: What is summed.
            vectors: Batches (b, k): a row for each patient, computed from that patient's image and
                from what is public or was let out before, and from nothing else.
            share: Part of mu^2 to spend, in (0, 1].

        Returns:
            (k,), float64, on the CPU.

        Raises:
            ValueError: More would be spent than was agreed on.
        """
        if share > self._left + TOLERANCE:
            raise ValueError(
                f"{share:.2f} of the privacy is asked for, and of what was agreed on "
                f"{self._left:.2f} is left."
            )
        self._left -= share
        sigma = 1 / (self.mu * math.sqrt(share))
        total = torch.stack([clipped(each.cpu().double(), 1.0).sum(0) for each in vectors]).sum(0)
        self.releases.append(Release(name, sigma, len(total)))
        return total + sigma * self._noise(len(total))


def clipped(vectors: Tensor, bound: float) -> Tensor:
    """Shorten the vectors (n, k) that are longer than a bound to it.

    A row that is not finite becomes zero: one patient's image must not spoil the sum.
    """
    finite = torch.where(vectors.isfinite().all(1, keepdim=True), vectors, 0.0)
    lengths = finite.norm(dim=1, keepdim=True)
    shortened: Tensor = finite * (bound / lengths.clamp_min(bound))
    return shortened


def secret_noise(num_values: int) -> Tensor:
    """Draw standard normal numbers, (k,), from the operating system's own randomness.

    No seed gives them again: whoever could repeat the noise could take it away.
    """
    source = random.SystemRandom()
    drawn = [source.normalvariate(0.0, 1.0) for _ in range(num_values)]
    return torch.tensor(drawn, dtype=torch.float64)
