"""Stand-ins for a GPU's memory and graphs, so that a dry run goes the same way on a CPU."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from models.accelerator import Accelerator
from models.device_memory import SHARE


class Memory:
    """Room for sixteen images."""

    def free_bytes(self) -> int:
        """Return twice what sixteen images take, of which half is used."""
        return round(16 / SHARE)

    def peak_bytes(self, work: Callable[[], object]) -> int:
        """Do some work on eight images, of one byte each."""
        work()
        return 8


class Repeats:
    """Repeats work by doing it again, on tensors that stay where they are as in a graph."""

    def record(self, work: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Do it once, then again each time."""
        made = work().clone()
        return lambda: made.copy_(work())


def accelerator_of(device: torch.device) -> Accelerator:
    """Return the device's own, and a stand-in for a CPU."""
    return Accelerator.of(device) or Accelerator(Memory(), Repeats())


def wait_for(device: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
