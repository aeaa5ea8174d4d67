"""What a device says when it fails: that its memory is full, or that it is gone."""

from __future__ import annotations

import torch

_OUT_OF_MEMORY = (
    "can't allocate memory",  # the machine's own, which torch does not name
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
_LOST = (
    "CUDA error",
    "CUDA driver",
    "CUDNN_STATUS_",
    "CUBLAS_STATUS_",
    "NCCL error",
    "No CUDA GPUs are available",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether a device, or the machine, had no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Say whether the device is gone: this process can compute on it no more."""
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    return isinstance(error, torch.AcceleratorError) or any(text in str(error) for text in _LOST)
