"""Images that were drawn and not yet judged: one growing file of pixels.

The gate looks at all images at once and refuses some, so the package is only written afterwards.
Until then the images lie in a single raw file, which costs as much disk as it has pixels, no
memory, and is dropped with the attempt's folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class StagedImages:
    """Images in the order in which they were drawn.

    Args:
        path: The file to make; its folder exists.
        size: Side of every image.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._shape = (size, size)
        self._num_images = 0
        path.write_bytes(b"")

    def __len__(self) -> int:
        return self._num_images

    def append(self, pixels: NDArray[np.uint8]) -> None:
        """Add images, (n, size, size), behind those that are there.

        Raises:
            ValueError: They are of another size or type.
        """
        if pixels.dtype != np.uint8 or pixels.shape[1:] != self._shape:
            raise ValueError(
                f"Images of {self._shape} and uint8 are staged, not {pixels.shape} {pixels.dtype}."
            )
        with self._path.open("ab") as file:
            file.write(np.ascontiguousarray(pixels).data)
        self._num_images += len(pixels)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """All images so far, (n, size, size), read from the file as they are looked at."""
        shape = (self._num_images, *self._shape)
        if not self._num_images:
            return np.empty(shape, np.uint8)
        return np.memmap(self._path, np.uint8, "r", shape=shape)
