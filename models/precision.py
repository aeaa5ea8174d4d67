"""The number format a device computes convolutions in."""

from __future__ import annotations

import torch


def fastest_dtype(device: torch.device) -> torch.dtype:
    """Choose bfloat16 where the device multiplies it natively, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = torch.cpu.get_capabilities()
    return torch.bfloat16 if native.get("avx512_bf16") or native.get("amx_bf16") else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Compute in `dtype` where it is safe; float32 switches it off."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)
