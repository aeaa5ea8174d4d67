"""Images as they look turned and zoomed."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, radians, sin

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 64  # pixels


class Poses:
    """Ways to turn and zoom an image, the first of which leaves it as it is.

    Args:
        turns_and_zooms: Degrees, and the side of the image as shown in units of its own.
    """

    def __init__(self, turns_and_zooms: Sequence[tuple[float, float]]) -> None:
        assert turns_and_zooms[0] == (0, 1)
        matrices = torch.tensor([_matrix(*each) for each in turns_and_zooms[1:]])
        shape = [len(matrices), 1, SIDE, SIDE]
        self._grids = F.affine_grid(matrices, shape, align_corners=False)

    def __len__(self) -> int:
        return 1 + len(self._grids)

    def of(self, images: Tensor) -> Tensor:
        """Show images (n, 64, 64) in each of p poses, (p, n, 64, 64); edges are drawn out."""
        stacked = images.expand(len(self._grids), *images.shape)
        shown = F.grid_sample(stacked, self._grids, padding_mode="border", align_corners=False)
        return torch.cat([images[None], shown])


def _matrix(degrees: float, scale: float) -> list[list[float]]:
    """Return the affine matrix from places of the posed image to places of the image."""
    c, s = cos(radians(degrees)) / scale, sin(radians(degrees)) / scale
    return [[c, -s, 0.0], [s, c, 0.0]]
