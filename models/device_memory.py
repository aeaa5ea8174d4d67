"""The memory of a device: how much is free, and how much some work takes."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Protocol

import torch

SHARE = 0.5  # of what is free, for one batch: other work on the device needs some too


class DeviceMemory(Protocol):
    """What is asked of a device that has memory of its own."""

    def free_bytes(self) -> int:
        """Return how much this process may still take."""

    def peak_bytes(self, work: Callable[[], object]) -> int:
        """Do some work; returns the most that it held beyond what was held before."""


class CudaMemory:
    """The memory of an NVIDIA GPU.

    Args:
        device: The GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def free_bytes(self) -> int:
        """Return what is free on the GPU or kept by torch, up to this process's share."""
        free, total = torch.cuda.mem_get_info(self._device)
        held = torch.cuda.memory_allocated(self._device)
        kept = torch.cuda.memory_reserved(self._device) - held
        allowed = round(torch.cuda.get_per_process_memory_fraction(self._device) * total)
        return max(0, min(free + kept, allowed - held))

    def peak_bytes(self, work: Callable[[], object]) -> int:
        """Do some work and read the allocator's own count."""
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device)
        work()
        return torch.cuda.max_memory_allocated(self._device) - before


def largest_batch(
    work: Callable[[int], object], memory: DeviceMemory, smallest: int, largest: int
) -> int:
    """Find how many images fit a batch, by one batch of the smallest size.

    Args:
        work: Processes a batch of so many images.
        memory: Of the device that it does so on.
        smallest: Images in the batch that is tried, a power of two.
        largest: Most images in a batch.

    Returns:
        smallest times a power of two, at most `largest`: a size that changes little from one
        process to the next, since kernels and so the last bits of an image depend on it.
    """
    each = max(1, memory.peak_bytes(lambda: work(smallest)) // smallest)
    fit = SHARE * memory.free_bytes() / each
    size = smallest
    while 2 * size <= min(fit, largest):
        size *= 2
    return size


def give_back_memory() -> None:
    """Leave unused memory of the device to other processes, such as a training's."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
