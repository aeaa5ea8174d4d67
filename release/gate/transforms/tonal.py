"""Changes of a training image's grey levels and of its detail."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor
from torch.nn.functional import avg_pool2d

from release.data import Array, Pixels
from release.gate.transforms.change import Change, by_pillow, each, resized, same

_TILES = 4  # along each side, that are equalised
_CLIP = 0.03  # of a tile's pixels: what a grey level has beyond is shared among all


def gamma(exponent: float) -> Change:
    """Raise grey levels to a power, or to its reciprocal."""
    return lambda pixels, rng: _as_pixels((pixels / 255) ** (exponent ** _signs(rng, pixels)))


def contrasted(share: float) -> Change:
    """Stretch or squeeze grey levels about their mean by a share."""

    def change(image: Tensor, rng: np.random.Generator) -> Tensor:
        ratio = 1 + share * float(rng.choice([-1.0, 1.0]))
        grey = image.float()
        return (ratio * grey + (1 - ratio) * grey.mean()).clamp(0, 255).byte()

    return each(change)


def noisy(deviation: float) -> Change:
    """Add Gaussian noise, of a standard deviation in units of white."""
    return lambda pixels, rng: _as_pixels(pixels / 255 + rng.normal(0, deviation, pixels.shape))


def brightened(amount: float) -> Change:
    """Make images brighter or darker, in units of white; what is beyond black or white is lost."""
    return lambda pixels, rng: _as_pixels(pixels / 255 + amount * _signs(rng, pixels))


def equalised(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001 - nothing is drawn
    """Equalise the histograms of tiles, with limited contrast.

    Reference: Zuiderveld 1994, Graphics Gems IV, 474-485.
    """
    return np.stack([_equalised(image) for image in pixels]) if len(pixels) else pixels.copy()


def _equalised(image: Pixels) -> Pixels:
    side = len(image)
    tiles = image.reshape(_TILES, side // _TILES, _TILES, side // _TILES).swapaxes(1, 2)
    maps = np.stack([_equalising(tile) for tile in tiles.reshape(_TILES**2, -1)])
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


def _equalising(grey: NDArray[np.uint8]) -> Array:
    """Where equalisation takes each grey level of a tile, in [0, 1]."""
    counts = np.bincount(grey, minlength=256) / len(grey)
    kept = np.minimum(counts, _CLIP)
    return np.asarray(np.cumsum(kept + (counts - kept).sum() / 256))


def blurred(deviation: float) -> Change:
    """Blur by a Gaussian, whose standard deviation is a share of the side."""
    return by_pillow(lambda image: image.filter(ImageFilter.GaussianBlur(deviation * image.height)))


def compressed(quality: int) -> Change:
    """Store as JPEG, and read again."""

    def change(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return by_pillow(change)


def resampled(factor: int) -> Change:
    """Shrink by a factor, averaging, and enlarge again."""

    def change(images: Tensor) -> Tensor:
        side = images.shape[-1]
        small = avg_pool2d(images.float(), factor).round().byte()
        return resized(small, side, side, "bicubic")

    return same(change)


def principal(num_components: int) -> Change:
    """Keep the leading principal components of the images among themselves."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        if not len(pixels):
            return pixels.copy()
        flat = pixels.reshape(len(pixels), -1).astype(np.float64)
        mean = flat.mean(0)
        _, _, axes = np.linalg.svd(flat - mean, full_matrices=False)
        leading = axes[: min(num_components, max(1, len(pixels) // 2))]
        kept = mean + (flat - mean) @ leading.T @ leading
        return _as_pixels(kept.reshape(pixels.shape) / 255)

    return change


def _signs(rng: np.random.Generator, pixels: Pixels) -> Array:
    return rng.choice([-1.0, 1.0], (len(pixels), 1, 1))


def _as_pixels(grey: Array) -> Pixels:
    pixels: Pixels = np.rint(255 * grey.clip(0, 1)).astype(np.uint8)
    return pixels
