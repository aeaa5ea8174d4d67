"""Weights in six bits each, for bases that are shipped: a start needs no more.

The values of each row of a matrix are rounded to 63 steps between minus and plus the row's largest
magnitude, an error of a thirtieth of normally distributed weights' spread, and packed without gaps.
Vectors, scalars and small tensors are kept as they are, in half precision where they are fractions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

NUM_BITS = 6
FEWEST = 1024  # values; smaller tensors are not worth it
_LARGEST = 2 ** (NUM_BITS - 1) - 1
_PACKED, _SCALE = ":packed", ":scale"


def save_compact(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors in about six bits a value; equal tensors give equal bytes."""
    stored: dict[str, Tensor] = {}
    shapes: dict[str, list[int]] = {}
    for name, tensor in tensors.items():
        if tensor.dim() < 2 or tensor.numel() < FEWEST:
            stored[name] = (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
            continue
        rows = tensor.float().flatten(1)
        scale = (rows.abs().amax(1, keepdim=True) / _LARGEST).half()
        steps = (rows / scale.float().clamp_min(1e-12)).round().clamp(-_LARGEST, _LARGEST)
        stored[f"{name}{_PACKED}"] = _packed(steps.flatten().numpy().astype(np.int64) + _LARGEST)
        stored[f"{name}{_SCALE}"] = scale
        shapes[name] = list(tensor.shape)
    save_file(stored, path, {"shapes": json.dumps(shapes, sort_keys=True)})


def load_compact(path: Path) -> dict[str, Tensor]:
    """Read tensors, in single precision where they are fractions; also those of a plain file."""
    tensors: dict[str, Tensor] = {}
    with safe_open(path, framework="pt") as file:
        shapes: dict[str, list[int]] = json.loads((file.metadata() or {}).get("shapes", "{}"))
        for name in file.keys():  # noqa: SIM118 - it is no mapping
            if not name.endswith((_PACKED, _SCALE)):
                tensor = file.get_tensor(name)
                tensors[name] = tensor.float() if tensor.dtype == torch.half else tensor
        for name, shape in shapes.items():
            steps = _unpacked(file.get_tensor(f"{name}{_PACKED}"), int(np.prod(shape))) - _LARGEST
            rows = torch.from_numpy(steps).float().view(shape[0], -1)
            tensors[name] = (rows * file.get_tensor(f"{name}{_SCALE}").float()).view(shape)
    return tensors


def _packed(values: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Tensor:
    """Pack numbers of six bits, (n,), into bytes."""
    bits = (values[:, None] >> np.arange(NUM_BITS)) & 1  # (n, 6)
    return torch.from_numpy(np.packbits(bits.astype(np.uint8)))


def _unpacked(packed: Tensor, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Unpack so many numbers of six bits from bytes."""
    bits = np.unpackbits(packed.numpy(), count=count * NUM_BITS).reshape(count, NUM_BITS)
    return bits.astype(np.int64) @ (1 << np.arange(NUM_BITS))
