"""The training images, resident on the device as integers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.larger_images import LargerImages


def as_images(pixels: NDArray[np.uint8 | np.uint16], device: torch.device | str) -> Tensor:
    """Scale pixels, (b, h, w), to a tensor (b, 1, h, w) in [-1, 1]."""
    grey = torch.from_numpy(pixels.astype(np.float32)).to(device)
    return grey.unsqueeze(1) * (2 / float(np.iinfo(pixels.dtype).max)) - 1


class TrainingImages:
    """Labelled images that batches are drawn from.

    Args:
        pixels: (n, h, w), uint8 or uint16; 0 is black.
        labels: (n,), integers from 0 to num_classes - 1, each class at least once.
        device: Where the images stay.
        groups: (n,), equal for images of one patient; by default every image is of another one.
        larger: The same images at a larger size, for a stage that enlarges; None where none does.

    Attributes:
        groups: (n,), int64, on the CPU.
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8 | np.uint16],
        labels: NDArray[np.int64],
        device: torch.device | str = "cpu",
        groups: NDArray[np.int64] | None = None,
        larger: LargerImages | None = None,
    ) -> None:
        self.larger = larger
        self.groups = torch.arange(len(labels))
        if groups is not None:
            self.groups = torch.from_numpy(np.array(groups, np.int64))
        self._white = float(np.iinfo(pixels.dtype).max)
        # torch has few kernels for uint16
        resident = np.array(pixels, np.uint8 if pixels.dtype == np.uint8 else np.int32)
        self._pixels = torch.from_numpy(resident).to(device)
        self.labels = torch.from_numpy(np.array(labels, np.int64)).to(device)
        counts = np.bincount(labels)
        assert (counts > 0).all(), "every class needs an image"
        # square-root balance: a class of n images is drawn in proportion to sqrt(n)
        self._weights = torch.from_numpy(1 / np.sqrt(counts[labels]))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.labels.device

    def few(self, num_images: int) -> TrainingImages:
        """Take about so many of the images, in proportion but at least eight of each class."""
        shares = self.labels.bincount() * num_images // len(self)
        chosen = [
            (self.labels == label).nonzero()[: max(8, share), 0]
            for label, share in enumerate(shares.tolist())
        ]
        indices = torch.cat(chosen)
        pixels = self._pixels[indices].cpu().numpy()
        stored = pixels if pixels.dtype == np.uint8 else pixels.astype(np.uint16)
        labels, groups = self.labels[indices].cpu().numpy(), self.groups[indices.cpu()].numpy()
        larger = self.larger and self.larger.few(indices.cpu().numpy())
        return TrainingImages(stored, labels, self.device, groups, larger)

    def read(self, indices: Tensor) -> Tensor:
        """Read images, (b, 1, h, w), in [-1, 1]."""
        return self._pixels[indices].unsqueeze(1).float() * (2 / self._white) - 1

    def in_order(self, batch_size: int) -> Iterator[Tensor]:
        """Yield the indices of all images, in order, a batch at a time."""
        for start in range(0, len(self), batch_size):
            yield torch.arange(start, min(start + batch_size, len(self)), device=self.device)

    def draw(self, batch_size: int) -> Tensor:
        """Draw the indices of a batch, with replacement, from torch's global source."""
        drawn = torch.multinomial(self._weights, batch_size, replacement=True)
        return drawn.to(self.device, non_blocking=True)  # or each update waits for the last one
