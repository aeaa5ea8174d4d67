"""The device a job computes on."""

from __future__ import annotations

import os

import torch


def prepare_torch(num_threads: int | None) -> None:
    """Fix what the bits of a result may depend on: threads and algorithms.

    Args:
        num_threads: Threads of one operation on the CPU; None takes all cores.
    """
    torch.set_num_threads(num_threads or os.cpu_count() or 1)
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(mode=True, warn_only=True)


def choose_device() -> torch.device:
    """Take the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
