"""The positive controls: the ways in which training images are changed to try the gate.

A required kind must be found, or the gate decides nothing. The others are one strong change each: a
kind of which enough are found is claimed, any other is named in the report as not looked for.

Most changes are torchvision's. Ours are those that it lacks (noise from a given random source,
brightness that is added and not multiplied, equalisation of tiles, warps that repeat the edge,
principal components, text, parts of an image within another one) and those of which fewer were
found under torchvision's (blur, which is Pillow's, and gamma, which torchvision cuts off and does
not round). JPEG is Pillow's, since torchvision gives its encoder up.

Reference: filters that look sound miss the near-duplicates that a model makes (arXiv:2510.01793),
so every release measures the recall of its own detector.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torchvision.transforms.v2.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import gaussian_filter, map_coordinates
from torch import Tensor
from torch.nn.functional import avg_pool2d
from torchvision.transforms import InterpolationMode

from release.data import Array, Pixels

_TILES = 4  # along each side, that are equalised
_CLIP = 0.03  # of a tile's pixels: what a grey level has beyond is shared among all
_TEXT = "LR AP 0123456789"
_SMOOTHNESS = 1 / 8  # standard deviation of a warp's filter, of the side
_LUNG = (0.3, 0.47, 0.17, 0.3)  # column, row, half width and half height of the left one, of a side

# from images (n, size, size) and a random source to near-duplicates of the same shape
Change = Callable[[Pixels, np.random.Generator], Pixels]


@dataclass(frozen=True)
class ControlTransform:
    """One way to make a near-duplicate of an image.

    Attributes:
        name: Names the kind in reports.
        change: Makes near-duplicates of images.
        required: Whether a gate that misses them decides nothing.
    """

    name: str
    change: Change
    required: bool = True

    def apply(self, pixels: Pixels, seed: int) -> Pixels:
        """Make near-duplicates, (n, size, size); the same seed makes the same ones.

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


def same(change: Callable[[Tensor], Tensor]) -> Change:
    """Change all images, (n, 1, size, size), in the same way."""

    def changed(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        if not len(pixels):
            return pixels.copy()
        return change(torch.from_numpy(pixels.copy())[:, None])[:, 0].numpy()

    return changed


def by_pillow(change: Callable[[Image.Image], Image.Image]) -> Change:
    """Change images one by one, all in the same way."""

    def changed(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        images = [np.asarray(change(Image.fromarray(image))) for image in pixels]
        return np.stack(images) if images else pixels.copy()

    return changed


def each(change: Callable[[Tensor, np.random.Generator], Tensor]) -> Change:
    """Change images, (1, size, size), each in its own way."""

    def changed(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        images = [change(image[None], rng)[0].numpy() for image in torch.from_numpy(pixels.copy())]
        return np.stack(images) if images else pixels.copy()

    return changed


def moved(
    degrees: float = 0.0, zoom: float = 1.0, shift: float = 0.0, *, black: bool = False
) -> Change:
    """Rotate, zoom and shift by a share of the side along each axis, each either way.

    What lies beyond an edge repeats it, or is black.
    """

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        n, side, _ = pixels.shape
        turns = -degrees * rng.choice([-1.0, 1.0], n) if degrees else np.zeros(n)
        shifts = -shift * side * rng.choice([-1.0, 1.0], (n, 2)) if shift else np.zeros((n, 2))
        images = torch.from_numpy(pixels.copy())[:, None]
        padded = F.pad(images, [side // 2], padding_mode="constant" if black else "edge")
        shown = [
            F.affine(image, turn, place, zoom, [0.0, 0.0], interpolation=InterpolationMode.BILINEAR)
            for image, turn, place in zip(padded, turns.tolist(), shifts.tolist(), strict=True)
        ]
        return F.center_crop(torch.stack(shown), [side, side])[:, 0].numpy() if n else pixels.copy()

    return change


def stretched(factor: float) -> Change:
    """Enlarge from top to bottom alone."""

    def change(images: Tensor) -> Tensor:
        side = images.shape[-1]
        enlarged = F.resize(images, [round(factor * side), side])
        cut: Tensor = F.center_crop(enlarged, [side, side])
        return cut

    return same(change)


def cropped(share: float) -> Change:
    """Cut a share of each side away, somewhere about the edges, and enlarge what is left."""

    def change(image: Tensor, rng: np.random.Generator) -> Tensor:
        side = image.shape[-1]
        left = round((1 - share) * side)
        row, column = rng.integers(0, side - left + 1, 2).tolist()
        enlarged: Tensor = F.resized_crop(
            image, row, column, left, left, [side, side], InterpolationMode.BILINEAR
        )
        return enlarged

    return each(change)


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
        small = avg_pool2d(images.float(), factor).round().byte()
        enlarged: Tensor = F.resize(small, list(images.shape[2:]), InterpolationMode.BICUBIC)
        return enlarged

    return same(change)


def gamma(exponent: float) -> Change:
    """Raise grey levels to a power, or to its reciprocal."""
    return lambda pixels, rng: _as_pixels((pixels / 255) ** (exponent ** _signs(rng, pixels)))


def contrasted(share: float) -> Change:
    """Stretch or squeeze grey levels about their mean by a share."""

    def change(image: Tensor, rng: np.random.Generator) -> Tensor:
        contrast: Tensor = F.adjust_contrast(image, 1 + share * float(rng.choice([-1.0, 1.0])))
        return contrast

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


def warped(peak: float) -> Change:
    """Displace each pixel smoothly, by a share of the side at most along each axis.

    Reference: Simard et al. 2003, section 2 (doi:10.1109/ICDAR.2003.1227801).
    """

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


def _displacement(side: int, peak: float, rng: np.random.Generator) -> Array:
    smooth = gaussian_filter(rng.normal(size=(side, side)), _SMOOTHNESS * side, mode="wrap")
    displacement: Array = peak * side * smooth / np.abs(smooth).max()
    return displacement


def lettered(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Write two white lines somewhere."""
    return np.stack([_lettered(image, rng) for image in pixels]) if len(pixels) else pixels.copy()


def _lettered(image: Pixels, rng: np.random.Generator) -> Pixels:
    page = Image.fromarray(image)
    page = page.resize((256, 256), Image.Resampling.BILINEAR)  # letters have room there
    pen = ImageDraw.Draw(page)
    for _ in range(2):
        at = (float(rng.integers(5, 120)), float(rng.integers(5, 225)))
        pen.text(at, "".join(rng.choice(list(_TEXT), 10)), fill=255, font_size=23.04)
    return np.asarray(page.resize(image.shape[::-1], Image.Resampling.BOX))


def bordered(share: float, grey: int) -> Change:
    """Paint a border over the edges, of a share of the side."""

    def change(images: Tensor) -> Tensor:
        side = images.shape[-1]
        width = max(1, round(share * side))
        inside = F.center_crop(images, [side - 2 * width] * 2)
        painted: Tensor = F.pad(inside, [width], fill=grey)
        return painted

    return same(change)


def framed(share: float) -> Change:
    """Shrink images into a black frame, of a share of the side."""

    def change(images: Tensor) -> Tensor:
        side = images.shape[-1]
        width = max(1, round(share * side))
        small = F.resize(images, [side - 2 * width] * 2)
        painted: Tensor = F.pad(small, [width])
        return painted

    return same(change)


def cut_out(share: float) -> Change:
    """Blot out a square of mid-grey somewhere, of a share of the side."""

    def change(image: Tensor, rng: np.random.Generator) -> Tensor:
        side = image.shape[-1]
        width = round(share * side)
        row, column = rng.integers(0, side - width, 2).tolist()
        grey = torch.tensor(128, dtype=torch.uint8)
        erased: Tensor = F.erase(image, row, column, width, width, grey)
        return erased

    return each(change)


def _signs(rng: np.random.Generator, pixels: Pixels) -> Array:
    return rng.choice([-1.0, 1.0], (len(pixels), 1, 1))


def _as_pixels(grey: Array) -> Pixels:
    pixels: Pixels = np.rint(255 * grey.clip(0, 1)).astype(np.uint8)
    return pixels


CONTROL_TRANSFORMS = (
    ControlTransform("exact copy", same(torch.clone)),
    ControlTransform("noise", noisy(0.05)),
    ControlTransform("gamma", gamma(1.5)),
    ControlTransform("contrast", contrasted(0.3)),
    ControlTransform("shift", moved(shift=3 / 64)),
    ControlTransform("rotation", moved(degrees=5)),
    ControlTransform("flip", same(F.horizontal_flip)),
    ControlTransform("crop", cropped(0.1)),
    ControlTransform("blur", blurred(1 / 64)),
    ControlTransform("jpeg", compressed(30)),
    ControlTransform("strong noise", noisy(0.15), required=False),
    ControlTransform("strong gamma", gamma(2.5), required=False),
    ControlTransform("brightness", brightened(0.3), required=False),
    ControlTransform("inverted", same(F.invert), required=False),
    ControlTransform("equalised tiles", equalised, required=False),
    ControlTransform(
        "eight grey levels",
        same(lambda images: F.posterize(images, 3)),
        required=False,
    ),
    ControlTransform("shift by an eighth", moved(shift=1 / 8), required=False),
    ControlTransform("shift by a fifth", moved(shift=1 / 5), required=False),
    ControlTransform("shift by an eighth, black", moved(shift=1 / 8, black=True), required=False),
    ControlTransform("rotation by 12 degrees", moved(degrees=12), required=False),
    ControlTransform("zoom to 0.8", moved(zoom=0.8), required=False),
    ControlTransform("zoom to 0.8, black", moved(zoom=0.8, black=True), required=False),
    ControlTransform("zoom to 1.25", moved(zoom=1.25), required=False),
    ControlTransform("crop of a fifth", cropped(0.2), required=False),
    ControlTransform("stretched", stretched(1.15), required=False),
    ControlTransform("turned, zoomed and shifted", moved(8, 0.9, 1 / 16), required=False),
    ControlTransform("strong blur", blurred(2 / 64), required=False),
    ControlTransform("strong jpeg", compressed(10), required=False),
    ControlTransform("a quarter of the resolution", resampled(4), required=False),
    ControlTransform("64 principal components", principal(64), required=False),
    ControlTransform("text", lettered, required=False),
    ControlTransform("black border", bordered(0.06, 0), required=False),
    ControlTransform("white border", bordered(0.1, 255), required=False),
    ControlTransform("frame", framed(0.1), required=False),
    ControlTransform("cut-out", cut_out(3 / 8), required=False),
    ControlTransform("elastic warp", warped(2 / 64), required=False),
    ControlTransform("strong elastic warp", warped(4 / 64), required=False),
)


def part_transforms(hosts: Pixels) -> tuple[ControlTransform, ...]:
    """Return controls that put a part of a training image into an image that nobody trained on.

    Args:
        hosts: (n, size, size), as many as images are to be changed.
    """
    side = hosts.shape[1]
    row, column = np.mgrid[:side, :side]
    x, y, width, height = _LUNG
    radius = np.hypot(
        ((column + 0.5) / side - x) / width,
        ((row + 0.5) / side - y) / height,
    )
    shown = {
        "left half": column < side // 2,
        "right half": column >= side // 2,
        "upper half": row < side // 2,
        "lower half": row >= side // 2,
        "one lung": np.clip(2 * (1.5 - radius), 0, 1),
        "blend 70/30": np.full((side, side), 0.7),
        "blend 50/50": np.full((side, side), 0.5),
    }
    return tuple(
        ControlTransform(name, _within(hosts, mask), required=False) for name, mask in shown.items()
    )


def _within(hosts: Pixels, shown: NDArray[np.floating] | NDArray[np.bool_]) -> Change:
    """Show images where a mask (size, size) is one, and hosts where it is zero."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        mixed = shown * pixels + (1.0 - shown) * hosts[: len(pixels)]
        return np.rint(mixed).astype(np.uint8)

    return change
