"""The images of the patients who are promised privacy: one of each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.training_images import as_images


class Patients:
    """One image of each patient.

    How many patients there are is public; so is nothing else of these images.

    Args:
        pixels: (n, h, w), uint8 or uint16; 0 is black.
        labels: (n,), classes.
        groups: (n,), equal for images of one patient; of each the first image is kept.
        device: Where images are wanted.
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8 | np.uint16],
        labels: NDArray[np.int64],
        groups: NDArray[np.int64],
        device: torch.device | str = "cpu",
    ) -> None:
        first = np.unique(groups, return_index=True)[1]
        self._pixels, self._device = pixels[first], device
        self.labels = torch.from_numpy(np.array(labels[first], np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (b, 1, h, w), in [-1, 1], and labels (b,)."""
        for begin in range(0, len(self.labels), batch_size):
            yield self.some(torch.arange(begin, min(begin + batch_size, len(self.labels))))

    def some(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Read the images (b, 1, h, w), in [-1, 1], and labels (b,) of patients."""
        images = as_images(self._pixels[places.numpy()], self._device)
        return images, self.labels[places].to(self._device)
