"""Looks for legible text in images, by the detector of the ingest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from radiographs.burned_in_text.detector import find_text
from radiographs.burned_in_text.network import WEIGHTS
from release.cancellation import check_cancelled
from release.data import Pixels

FALSE_RATE = 0.004  # above the upper end of what was measured, see docs/burned-in-text.md
TEXTURE_RATE = 0.05  # of finds beyond doubt in the texture of a generator: far above what was seen
LEVEL = 0.001
CERTAIN_WINDOWS = 6


@dataclass(frozen=True, eq=False)
class TextFound:
    """What the detector found in some images.

    Attributes:
        windows: (n,), the most windows that any text in an image has; 0 without text.
    """

    windows: NDArray[np.int64]

    @classmethod
    def in_images(cls, pixels: Pixels) -> TextFound:
        """Look for text in images, (n, size, size)."""
        return cls(np.array([_windows(image) for image in pixels], np.int64))

    @property
    def num(self) -> int:
        """Images in which text is found."""
        return int((self.windows > 0).sum())

    @property
    def num_certain(self) -> int:
        """Images with text beyond doubt."""
        return int((self.windows >= CERTAIN_WINDOWS).sum())

    @property
    def by_chance(self) -> int:
        """The most images that false finds explain, at LEVEL."""
        return self._at_most(FALSE_RATE)

    @property
    def is_text(self) -> bool:
        """Whether there is text beyond doubt, or more than false finds explain."""
        return self.num_certain > 0 or self.num > self.by_chance

    @property
    def is_more_than_texture(self) -> bool:
        """Whether there is more text beyond doubt than the texture of a generator explains."""
        return self.num_certain > self._at_most(TEXTURE_RATE)

    def _at_most(self, rate: float) -> int:
        return int(binom.isf(LEVEL, len(self.windows), rate)) if len(self.windows) else 0


def detector_digest() -> str:
    """Name the detector by its weights: SHA-256 in hexadecimal."""
    return hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()


def _windows(image: Pixels) -> int:
    check_cancelled()
    return max((box.num_windows for box in find_text(image)), default=0)
