"""Planted near-duplicates: what the gate must find to be believed when it finds nothing.

Reference: filters that look sound miss the near-duplicates that a model makes (arXiv:2510.01793),
so every release measures the recall of its own detector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from release.data import Pixels

# from images (n, size, size) and a random source to near-duplicates of the same shape
Change = Callable[[Pixels, np.random.Generator], Pixels]


@dataclass(frozen=True)
class Control:
    """One way to make a near-duplicate of an image.

    Attributes:
        name: Names the kind in reports.
        change: Given images (n, size, size) and a random source, near-duplicates of the same shape.
        required: Whether a gate that misses them decides nothing.
    """

    name: str
    change: Change
    required: bool = True

    def plant(self, pixels: Pixels, seed: int) -> Pixels:
        """Make near-duplicates; the same seed makes the same ones.

        Raises:
            ValueError: The change returned images of another shape or type.
        """
        changed = self.change(pixels, np.random.default_rng(seed))
        if changed.shape != pixels.shape or changed.dtype != np.uint8:
            raise ValueError(
                f"Control {self.name!r} turned {pixels.shape} uint8 into {changed.shape} "
                f"{changed.dtype}: a near-duplicate has the image's shape and type."
            )
        return changed
