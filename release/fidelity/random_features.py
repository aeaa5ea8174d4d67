"""Features of a network whose weights are random and fixed: at hand before anything was learned.

They know nothing of radiographs. So a distance by them is coarser than one by a trained classifier,
and is the same thing for every dataset. Images are seen at 64 px.

Reference: Naeem et al. 2020, section 4 (arXiv:2002.09797), who compare images by a network with
random weights where no trained one suits them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from release.data import Pixels

SIDE = 64  # pixels
WIDTHS = (32, 64, 64)  # channels of the layers, each of which halves the side
QUADRANTS = 2  # of the last layer's maps, in each direction
AT_ONCE = 64
_SEED = 0


def random_features(pixels: Pixels) -> NDArray[np.float64]:
    """Describe images by the statistics of random filters.

    Args:
        pixels: (n, h, w), of one side that is a multiple of 64.

    Returns:
        (n, 576): mean and deviation of each channel of each layer, and of the last one's channels
        the mean in each quadrant.
    """
    parts = [
        _described(pixels[start : start + AT_ONCE]) for start in range(0, len(pixels), AT_ONCE)
    ]
    return np.concatenate(parts)


def _described(pixels: Pixels) -> NDArray[np.float64]:
    maps = torch.from_numpy(pixels.astype(np.float32))[:, None] / 127.5 - 1
    maps = F.adaptive_avg_pool2d(maps, SIDE)
    found = []
    for weights in _weights():
        maps = F.relu(F.conv2d(maps, weights, stride=2, padding=1))
        found += [maps.mean((2, 3)), maps.std((2, 3))]
    found.append(F.adaptive_avg_pool2d(maps, QUADRANTS).flatten(1))
    return torch.cat(found, 1).double().numpy()


@cache
def _weights() -> tuple[Tensor, ...]:
    """Draw the filters of each layer, (out, in, 3, 3), so that no layer fades.

    Reference: He et al. 2015, equation 10 (arXiv:1502.01852).
    """
    rng = np.random.default_rng(_SEED)
    layers, num_inputs = [], 1
    for width in WIDTHS:
        scale = np.sqrt(2 / (9 * num_inputs))
        drawn = scale * rng.standard_normal((width, num_inputs, 3, 3))
        layers.append(torch.from_numpy(drawn.astype(np.float32)))
        num_inputs = width
    return tuple(layers)
