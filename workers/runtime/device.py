"""The device a job computes on."""

from __future__ import annotations

import os
from collections.abc import Collection

import torch

from models.threads import Threads, numbers_to_try
from service.domain.errors import DeviceLost
from service.domain.job import JobKind

WHOLE, TRAINING_SHARE, GENERATION_SHARE = 0.95, 0.6, 0.35


def prepare_torch(num_threads: int | None) -> None:
    """Fix what the bits of a result may depend on: threads and algorithms.

    Args:
        num_threads: Threads of one operation on the CPU; None takes all cores.
    """
    torch.set_num_threads(num_threads or num_cores())
    torch.backends.cudnn.benchmark = False
    # or cuBLAS may share a product out otherwise each time, and torch warns of it
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(mode=True, warn_only=True)


def prepare_gpus(queues: Collection[str], share: float | None) -> None:
    """Let this process's GPUs, where there are any, multiply in TF32 and keep room for others.

    Args:
        queues: Those that the worker serves.
        share: Of a GPU's memory that this process may take; None chooses by the queues.
    """
    if not torch.cuda.is_available():
        return
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    for device in range(torch.cuda.device_count()):
        torch.cuda.set_per_process_memory_fraction(share or memory_share(queues), device)


def memory_share(queues: Collection[str]) -> float:
    """Share a GPU's memory between a worker that trains and one that generates, with some left.

    A worker of its own for each is how the embedded service runs; one that serves both has the GPU
    for itself.
    """
    trains = JobKind.TRAIN.queue in queues
    drawing = {kind.queue for kind in (JobKind.GENERATE, JobKind.SCORE, JobKind.PREVIEW)}
    generates = not drawing.isdisjoint(queues)
    if trains == generates:
        return WHOLE
    return TRAINING_SHARE if trains else GENERATION_SHARE


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


def require_device(kind: str) -> None:
    """Insist on the kind of device that the settings name, rather than work on another for days.

    Raises:
        DeviceLost: It is not there, or not any more.
    """
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceLost(
            "SYNTHCXR_TRAIN_DEVICE is cuda and this worker sees no GPU: it failed or was taken "
            "away. Look at `nvidia-smi` on its machine and restart the worker, then retry the job."
        )
