"""The number format a device computes in."""

from __future__ import annotations

import torch


def fastest_dtype(device: torch.device) -> torch.dtype:
    """Choose bfloat16 where the device multiplies it natively, else float32."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float32
    has = torch.cpu.get_capabilities()
    return torch.bfloat16 if has.get("avx512_bf16") or has.get("amx_bf16") else torch.float32


def fastest_matmul_dtype(device: torch.device) -> torch.dtype:
    """Choose bfloat16 where matrices are multiplied faster in it, else float32.

    AVX-512 speeds convolutions in bfloat16, and multiplies matrices at half the speed of float32.
    """
    if device.type == "cpu" and not torch.cpu.get_capabilities().get("amx_bf16"):
        return torch.float32
    return fastest_dtype(device)


def reproducible_dtype(device: torch.device) -> torch.dtype:
    """Choose as `fastest_dtype` does, but float32 where AMX multiplies.

    How AMX parts a sum among threads changes the last bits, and a drawn image must not depend on
    the number of threads.
    """
    if device.type == "cpu" and torch.cpu.get_capabilities().get("amx_bf16"):
        return torch.float32
    return fastest_dtype(device)


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Compute in `dtype` where it is safe; float32 switches it off."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)
