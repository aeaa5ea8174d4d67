"""What every further format of the images promises."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from release.package.manifest import PackagedImage


class ExtraFormat(Protocol):
    """A copy of the images in another format, written beside the PNG files.

    It sees each image once, as it is packaged, keeps none in memory, and writes to the archive at
    once or when it is closed.
    """

    def add(self, image: PackagedImage, pixels: NDArray[np.uint8], png: bytes) -> None:
        """Take an image.

        Args:
            image: What it is and where its PNG file lies.
            pixels: (h, w).
            png: The bytes of its PNG file.
        """

    def close(self) -> None:
        """Write what is left."""
