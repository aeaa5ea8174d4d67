"""The device a job computes on."""

from __future__ import annotations

import os

import torch

from models.threads import Threads, numbers_to_try


def prepare_torch(num_threads: int | None) -> None:
    """Fix what the bits of a result may depend on: threads and algorithms.

    Args:
        num_threads: Threads of one operation on the CPU; None takes all cores.
    """
    torch.set_num_threads(num_threads or num_cores())
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(mode=True, warn_only=True)


def num_cores() -> int:
    """Count the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_on(device: torch.device, fixed: int | None) -> Threads:
    """Choose threads by measurement, unless their number is fixed or a GPU computes.

    Args:
        device: What the work is done on.
        fixed: The number that the settings name, if they do.
    """
    if fixed is not None or device.type != "cpu":
        return Threads()
    return Threads(numbers_to_try(num_cores()))


def choose_device() -> torch.device:
    """Take the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
