"""A network's average over the beginning of its training, to guide the finished one."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

EARLY = 0.2  # part of the training that the snapshot follows
HALVINGS = 8.0  # how fast it forgets: the weight of update t of T falls as (t / T)^HALVINGS


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
