"""Near-duplicates that are bent out of shape, smoothly.

Reference: Simard et al. 2003, section 2 (doi:10.1109/ICDAR.2003.1227801).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from release.controls.control import Change
from release.data import Pixels

_SMOOTHNESS = 1 / 8  # standard deviation of the displacements' filter, of the side


def warped(peak: float) -> Change:
    """Displace each pixel smoothly, by a share of the side at most along each axis."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        side = pixels.shape[1]
        rows, columns = np.mgrid[:side, :side].astype(np.float64)
        bent = np.empty_like(pixels)
        for image, page in zip(pixels, bent, strict=True):
            places = [
                rows + _displacement(side, peak, rng),
                columns + _displacement(side, peak, rng),
            ]
            seen = map_coordinates(image.astype(np.float64), places, order=1, mode="nearest")
            page[:] = np.rint(seen).astype(np.uint8)
        return bent

    return change


def _displacement(side: int, peak: float, rng: np.random.Generator) -> NDArray[np.float64]:
    smooth = gaussian_filter(rng.normal(size=(side, side)), _SMOOTHNESS * side, mode="wrap")
    displacement: NDArray[np.float64] = peak * side * smooth / np.abs(smooth).max()
    return displacement
