"""Near-duplicates that show the same shapes in other greys."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.controls.control import Change
from release.data import Pixels

_TILES = 4  # along each side, that are equalised
_CLIP = 0.03  # of a tile's pixels: what a grey level has beyond is shared among all


def copied(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001 - nothing is drawn
    """Copy images as they are."""
    return pixels.copy()


def noisy(deviation: float) -> Change:
    """Add Gaussian noise, of a standard deviation in units of white."""
    return lambda pixels, rng: _as_pixels(pixels / 255 + rng.normal(0, deviation, pixels.shape))


def gamma(exponent: float) -> Change:
    """Raise grey levels to a power, or to its reciprocal."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        return _as_pixels((pixels / 255) ** (exponent ** _signs(rng, pixels)))

    return change


def contrasted(share: float) -> Change:
    """Stretch or squeeze grey levels about mid-grey by a share."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        return _as_pixels(0.5 + (pixels / 255 - 0.5) * (1 + share * _signs(rng, pixels)))

    return change


def brightened(amount: float) -> Change:
    """Make images brighter or darker, in units of white; what is beyond black or white is lost."""
    return lambda pixels, rng: _as_pixels(pixels / 255 + amount * _signs(rng, pixels))


def inverted(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001 - nothing is drawn
    """Turn white to black."""
    return 255 - pixels


def posterised(num_levels: int) -> Change:
    """Keep few grey levels."""
    step = 256 // num_levels
    return lambda pixels, rng: pixels // step * step + step // 2  # noqa: ARG005 - nothing is drawn


def equalised(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001 - nothing is drawn
    """Equalise the histograms of tiles, with limited contrast.

    Reference: Zuiderveld 1994, Graphics Gems IV, 474-485.
    """
    return np.stack([_equalised(image) for image in pixels]) if len(pixels) else pixels.copy()


def _equalised(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = len(image)
    tiles = image.reshape(_TILES, side // _TILES, _TILES, side // _TILES).swapaxes(1, 2)
    maps = np.stack([_map(tile) for tile in tiles.reshape(_TILES**2, -1)])
    maps = maps.reshape(_TILES, _TILES, 256)
    place = np.clip((np.arange(side) + 0.5) * _TILES / side - 0.5, 0, _TILES - 1)
    first = np.minimum(place.astype(int), _TILES - 2)
    share = place - first
    rows, columns, grey = first[:, None], first[None], image.astype(int)
    across = [
        (1 - share) * maps[row, columns, grey] + share * maps[row, columns + 1, grey]
        for row in (rows, rows + 1)
    ]
    return _as_pixels((1 - share[:, None]) * across[0] + share[:, None] * across[1])


def _map(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Where equalisation takes each grey level of a tile, in [0, 1]."""
    counts = np.bincount(grey, minlength=256) / len(grey)
    kept = np.minimum(counts, _CLIP)
    return np.asarray(np.cumsum(kept + (counts - kept).sum() / 256))


def _signs(rng: np.random.Generator, pixels: Pixels) -> NDArray[np.float64]:
    return rng.choice([-1.0, 1.0], (len(pixels), 1, 1))


def _as_pixels(grey: NDArray[np.float64]) -> Pixels:
    pixels: Pixels = np.rint(255 * grey.clip(0, 1)).astype(np.uint8)
    return pixels
