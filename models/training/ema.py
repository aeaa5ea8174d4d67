"""Averages of the weights over the course of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn


def power_exponent(relative_std: float) -> float:
    """Find the exponent gamma whose averaging profile t^gamma has a given width.

    Args:
        relative_std: Standard deviation of the profile over the training length, in (0, 0.29).

    Returns:
        The root of (gamma + 1) / ((gamma + 2)^2 (gamma + 3)) = relative_std^2.

    Reference: Karras et al. 2024, section 3.1 (arXiv:2312.02696).
    """
    t = relative_std**-2
    return float(np.roots([1, 7, 16 - t, 12 - t]).real.max())


class PowerAverage:
    """The power-function average of some modules' weights and buffers.

    After update t the average is theta_hat <- beta theta_hat + (1 - beta) theta with
    beta = (1 - 1/t)^(gamma + 1), so it needs no warm-up and forgets the start by itself.

    Reference: Karras et al. 2024, section 3.1 (arXiv:2312.02696).
    """

    def __init__(self, modules: Sequence[nn.Module], relative_std: float) -> None:
        self._gamma = power_exponent(relative_std)
        self._live = [tensor for module in modules for tensor in module.state_dict().values()]
        self.tensors = [tensor.clone() for tensor in self._live]

    @torch.no_grad()
    def update(self, update: int) -> None:
        """Take in the weights after `update` updates, counted from 1."""
        beta = (1 - 1 / update) ** (self._gamma + 1)
        for average, live in zip(self.tensors, self._live, strict=True):
            if average.is_floating_point():
                average.lerp_(live, 1 - beta)
            else:
                average.copy_(live)

    @torch.no_grad()
    def load(self, tensors: Sequence[Tensor]) -> None:
        """Take over a stored average."""
        for average, stored in zip(self.tensors, tensors, strict=True):
            average.copy_(stored)

    @torch.no_grad()
    def apply(self) -> None:
        """Give the modules the averaged weights for good."""
        for average, live in zip(self.tensors, self._live, strict=True):
            live.copy_(average)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the modules the averaged weights for the length of a block."""
        kept = [live.clone() for live in self._live]
        self.apply()
        try:
            yield
        finally:
            with torch.no_grad():
                for live, own in zip(self._live, kept, strict=True):
                    live.copy_(own)
