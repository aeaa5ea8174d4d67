"""Grey pixels as we keep them: rows of 8 or 16 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8 | np.uint16]


def to_depth(values: NDArray[np.float32], from_depth: int, depth: int) -> Pixels:
    """Round grey values to integers of 8 or 16 bits; black stays black and white white."""
    scale = np.float32((2**depth - 1) / (2**from_depth - 1))
    rounded: Pixels = np.floor(values * scale + np.float32(0.5)).astype(dtype_of(depth))
    return rounded


def dtype_of(depth: int) -> type[np.uint8 | np.uint16]:
    """Return the integer type of a bit depth of 8 or 16."""
    return np.uint8 if depth == 8 else np.uint16
