"""The network that judges windows: three convolutions and two products, in NumPy.

Its weights are made by `make text-detector` from drawn text on phantoms; no real image is in them.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiographs.burned_in_text.windows import Batch

WEIGHTS = Path(__file__).with_name("weights.npz")
_AT_ONCE = 256  # windows: their intermediate values fit into the cache
STRIDES = (1, 2, 2)

Weights = dict[str, NDArray[np.float32]]


def scores(windows: Batch, weights: Weights | None = None) -> NDArray[np.float32]:
    """Score windows: above 0 where text is likelier than none.

    Args:
        windows: (n, ROWS, COLUMNS), as `cut` gives them.
        weights: By layer; those of the package where None.
    """
    weights = weights or package_weights()
    parts = [windows[k : k + _AT_ONCE] for k in range(0, len(windows), _AT_ONCE)]
    return np.concatenate([np.zeros(0, np.float32), *(_scores(part, weights) for part in parts)])


@functools.cache
def package_weights() -> Weights:
    """Read the weights that come with the package."""
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def _scores(windows: Batch, weights: Weights) -> NDArray[np.float32]:
    x = windows[..., None]  # (n, rows, columns, channels)
    for layer, stride in enumerate(STRIDES):
        x = _convolved(x, weights[f"convolution{layer}"], weights[f"offset{layer}"], stride)
    x = x.reshape(len(x), -1)
    x = np.maximum(x @ weights["hidden"] + weights["hidden_offset"], 0)
    total: NDArray[np.float32] = x @ weights["output"] + weights["output_offset"]
    return total[:, 0]


def _convolved(x: Batch, kernel: Batch, offset: Batch, stride: int) -> Batch:
    """Convolve with a kernel (3, 3, in, out) inside of the borders, and cut off below 0."""
    patches = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    patches = patches[:, ::stride, ::stride]  # (n, rows, columns, in, 3, 3)
    flat = patches.reshape(*patches.shape[:3], -1)
    matrix = kernel.transpose(2, 0, 1, 3).reshape(-1, kernel.shape[-1])
    convolved: Batch = flat @ matrix
    convolved += offset
    return np.maximum(convolved, 0, out=convolved)
