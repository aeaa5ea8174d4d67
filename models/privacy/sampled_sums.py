"""The door for learning step by step: noisy sums over patients that coins choose anew each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from models.privacy.accounting import Spending
from models.privacy.csprng import SecretSource
from models.privacy.mechanisms import Release, clipped

COINS, NOISE = 0, 1  # purposes


class SampledSums:
    """Lets out one noisy sum a step, and no more steps than were accounted for.

    Who takes part is a secret as the noise is: a patient whom an attacker knows to be in a batch
    is hidden by the noise alone.

    Args:
        spending: Agreed on.
        num_patients: Public.
        num_values: k, the length of what one patient adds.
        source: Of coins and noise.

    Attributes:
        steps_done: Sums let out so far.

    Reference: Abadi et al. 2016, algorithm 1 (arXiv:1607.00133).
    """

    def __init__(
        self,
        spending: Spending,
        num_patients: int,
        num_values: int,
        source: SecretSource | None = None,
    ) -> None:
        self.spending = spending
        self.num_patients = num_patients
        self.steps_done = 0
        self._num_values = num_values
        self._source = source or SecretSource()

    @property
    def release(self) -> Release:
        """Say what is let out in every step."""
        return Release("gradient", self.spending.sigma, self._num_values)

    def noisy_sum(self, vectors_of: Callable[[Tensor], Iterable[Tensor]]) -> Tensor:
        """Sum one vector for each patient who takes part, clipped to length 1, and add noise.

        A batch without anybody is a step like any other: noise is let out.

        Args:
            vectors_of: From the places of the patients who take part, in ascending order, to
                batches (b, k): a row for each, computed from that patient's image and from what is
                public or was let out before, and from nothing else.

        Returns:
            (k,), float64, on the CPU.

        Raises:
            ValueError: All steps that were agreed on are done.
        """
        if self.steps_done == self.spending.steps:
            raise ValueError(f"All {self.spending.steps} steps that were agreed on are done.")
        chosen = self._sampled()
        total, num_rows = torch.zeros(self._num_values, dtype=torch.float64), 0
        for vectors in vectors_of(chosen):
            total += clipped(vectors.double(), 1.0).sum(0).cpu()
            num_rows += len(vectors)
        assert num_rows == len(chosen), "each patient adds one vector"
        noise = self._source.normal(NOISE, self.steps_done, self._num_values)
        self.steps_done += 1
        return total + self.spending.sigma * torch.from_numpy(noise)

    def _sampled(self) -> Tensor:
        """Toss a coin for each patient; returns the places of those who take part."""
        coins = self._source.uniform(COINS, self.steps_done, self.num_patients)
        return torch.from_numpy(np.flatnonzero(coins <= self.spending.sample_rate))
