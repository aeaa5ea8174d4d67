"""Differential privacy: the mechanisms through which alone private images reach a model."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.privacy.accounting import PrivacyCost
from models.privacy.csprng import CsprngNoise

Noise = Callable[[int], Tensor]
TOLERANCE = 1e-9
SAMPLING, NOISE = 0, 1  # purposes


@dataclass(frozen=True)
class ReleasedSum:
    """One noisy sum that was released.

    Attributes:
        name: What was summed.
        sigma: Standard deviation of the noise, in units of the most that one patient adds.
        num_values: How many numbers were released.
    """

    name: str
    sigma: float
    num_values: int


class GaussianMechanism:
    """Releases noisy sums over patients until the privacy budget is exhausted.

    A sum of one vector per patient, none longer than 1, changes by no more than 1 in Euclidean
    length when one patient's vector is replaced by zero: the sensitivity is 1. Noise N(0, sigma^2)
    on every component then makes it 1/sigma-Gaussian private, and the releases together are
    mu-Gaussian private when the sum of their 1/sigma^2 is mu^2, whatever is made of them later
    (see `models.privacy.accounting`).

    Attributes:
        mu: What all releases together may come to.
        releases: Those made so far.
    """

    def __init__(self, mu: float, noise: Noise | None = None) -> None:
        self.mu = mu
        self.releases: list[ReleasedSum] = []
        self._noise = noise or secret_noise
        self._left = 1.0

    def noisy_sum(self, name: str, vectors: Iterable[Tensor], share: float) -> Tensor:
        """Sum one vector per patient, each clipped to length 1, and add noise.

        Args:
            name: What is summed.
            vectors: Batches (b, k): a row for each patient, computed from that patient's image and
                from what is public or was released before, and from nothing else.
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
        self.releases.append(ReleasedSum(name, sigma, len(total)))
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


class PoissonGaussianMechanism:
    """Releases one noisy sum a step, and no more steps than were accounted for.

    Who takes part is a secret as the noise is: a patient whom an attacker knows to be in a batch
    is hidden by the noise alone.

    Args:
        cost: Agreed on.
        num_patients: Public.
        num_values: k, the length of what one patient adds.
        source: Of the sampling and the noise.

    Attributes:
        steps_done: Sums released so far.

    Reference: Abadi et al. 2016, algorithm 1 (arXiv:1607.00133).
    """

    def __init__(
        self,
        cost: PrivacyCost,
        num_patients: int,
        num_values: int,
        source: CsprngNoise | None = None,
    ) -> None:
        self.cost = cost
        self.num_patients = num_patients
        self.steps_done = 0
        self._num_values = num_values
        self._source = source or CsprngNoise()

    @property
    def release(self) -> ReleasedSum:
        """Describe what is released in every step."""
        return ReleasedSum("gradient", self.cost.sigma, self._num_values)

    def noisy_sum(self, vectors_of: Callable[[Tensor], Iterable[Tensor]]) -> Tensor:
        """Sum one vector for each patient who takes part, clipped to length 1, and add noise.

        A batch without anybody is a step like any other: noise is released.

        Args:
            vectors_of: From the places of the patients who take part, in ascending order, to
                batches (b, k): a row for each, computed from that patient's image and from what is
                public or was released before, and from nothing else.

        Returns:
            (k,), float64, on the CPU.

        Raises:
            ValueError: All steps that were agreed on are done.
        """
        if self.steps_done == self.cost.steps:
            raise ValueError(f"All {self.cost.steps} steps that were agreed on are done.")
        chosen = self._sampled()
        total, num_rows = torch.zeros(self._num_values, dtype=torch.float64), 0
        for vectors in vectors_of(chosen):
            total += clipped(vectors.double(), 1.0).sum(0).cpu()
            num_rows += len(vectors)
        assert num_rows == len(chosen), "each patient adds one vector"
        noise = self._source.normal(NOISE, self.steps_done, self._num_values)
        self.steps_done += 1
        return total + self.cost.sigma * torch.from_numpy(noise)

    def _sampled(self) -> Tensor:
        """Sample each patient independently; returns the places of those who take part."""
        drawn = self._source.uniform(SAMPLING, self.steps_done, self.num_patients)
        return torch.from_numpy(np.flatnonzero(drawn <= self.cost.sample_rate))


def shrunk(estimate: Tensor, towards: Tensor, noise: Tensor) -> Tensor:
    """Draw a noisy estimate towards a steadier one, by as much of their distance as noise explains.

    Args:
        estimate: Any shape.
        towards: The same shape.
        noise: Expected squared length of the noise in the estimate.

    Reference: James & Stein 1961; the positive part, Efron & Morris 1973.
    """
    apart = estimate - towards
    kept = (1 - noise / apart.square().sum().clamp_min(1e-30)).clamp_min(0)
    drawn: Tensor = towards + kept * apart
    return drawn
