"""What every further format of the images promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from release.package.archive import Archive
from release.package.manifest import Description, PackagedImage


class ExtraFormat(ABC):
    """A copy of the images in another format, written beside the PNG files.

    It sees each image once, as it is packaged, keeps none in memory, and writes to the archive at
    once or when it is closed.

    Args:
        archive: The package.
        description: Of the set.
        classes: All labels, in the order that numbers them.
        scratch: A folder on a disk with room for the pixels, twice.

    Attributes:
        folder: Where its files lie in the package.
    """

    folder: ClassVar[str]

    def __init__(
        self, archive: Archive, description: Description, classes: Sequence[str], scratch: Path
    ) -> None:
        self._archive = archive
        self._description = description
        self._classes = list(classes)
        self._scratch = scratch

    @abstractmethod
    def add(self, image: PackagedImage, pixels: NDArray[np.uint8], png: bytes) -> None:
        """Take an image.

        Args:
            image: What it is and where its PNG file lies.
            pixels: (h, w).
            png: The bytes of its PNG file.
        """

    @abstractmethod
    def close(self) -> None:
        """Write what is left."""
