"""The training images at a larger size, read from where they lie when they are asked for."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F


class LargerImages:
    """The images that a training sees, larger: they take no memory until a batch is read.

    Args:
        pixels: (m, stored, stored), uint8 or uint16, as a rule a map of a file.
        rows: (n,), where in it each training image lies.
        size: Side at which they are read; it divides the stored side.
        device: Where they are wanted.
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8 | np.uint16],
        rows: NDArray[np.int64],
        size: int,
        device: torch.device | str = "cpu",
    ) -> None:
        if pixels.shape[1] % size:
            raise ValueError(
                f"Images of {pixels.shape[1]} px cannot be read at {size} px: expected a divisor."
            )
        self.size = size
        self._pixels, self._rows, self._device = pixels, rows, device
        self._factor = pixels.shape[1] // size

    def few(self, indices: NDArray[np.int64]) -> LargerImages:
        """Keep some of the training images."""
        return LargerImages(self._pixels, self._rows[indices], self.size, self._device)

    def read(self, indices: Tensor) -> Tensor:
        """Read whole images, (b, 1, size, size), in [-1, 1]."""
        rows = self._rows[indices.cpu().numpy()]
        return self._as_images(self._pixels[rows])

    def crops(self, indices: Tensor, side: int, step: int) -> Tensor:
        """Cut a square out of each image, at a place drawn from torch's global source.

        Args:
            indices: (b,), of training images.
            side: Of the squares, in pixels; at most `size`.
            step: Squares begin at multiples of it.

        Returns:
            (b, 1, side, side), in [-1, 1].
        """
        num_places = (self.size - side) // step + 1
        corners = torch.randint(num_places, (len(indices), 2)) * step * self._factor
        stored = side * self._factor
        cut = [
            self._pixels[row, top : top + stored, left : left + stored]
            for row, (top, left) in zip(
                self._rows[indices.cpu().numpy()], corners.tolist(), strict=True
            )
        ]
        return self._as_images(np.stack(cut))

    def _as_images(self, pixels: NDArray[np.uint8 | np.uint16]) -> Tensor:
        grey = torch.from_numpy(pixels.astype(np.float32)).to(self._device).unsqueeze(1)
        images = grey * (2 / float(np.iinfo(self._pixels.dtype).max)) - 1
        return F.avg_pool2d(images, self._factor) if self._factor > 1 else images
