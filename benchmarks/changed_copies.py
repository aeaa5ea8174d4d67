"""Ways in which a copy of a radiograph comes to differ, by kind.

`NAMED` are the kinds that ingest is to find, `COMBINED` two or three of them at once, `FURTHER`
kinds that nothing was fitted to. All take grey values from 0 to 255 of a square image of any side.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from scipy import ndimage

Grey = NDArray[np.float32]
Change = Callable[[Grey, np.random.Generator], Grey]

_WORDS = ("L", "R", "AP", "PA", "L PA", "PORTABLE", "AP 12:31", "SUPINE", "R 2", "ID 40213")


def picture(image: Grey) -> Image.Image:
    """Round to 8 bits."""
    return Image.fromarray(image.clip(0, 255).round().astype(np.uint8))


def grey(image: Image.Image) -> Grey:
    """Return grey values."""
    return np.asarray(image, np.float32)


def resized(image: Grey, height: int, width: int) -> Grey:
    """Resample by cubic interpolation."""
    return grey(picture(image).resize((width, height), Image.Resampling.BICUBIC))


def cropped(image: Grey, top: float, bottom: float, left: float, right: float) -> Grey:
    """Cut shares off the edges, and bring back to size."""
    side = len(image)
    rows = slice(round(top * side), side - round(bottom * side))
    columns = slice(round(left * side), side - round(right * side))
    return resized(image[rows, columns], side, side)


def cropped_anyhow(image: Grey, rng: np.random.Generator, most: float) -> Grey:
    """Cut another share off each edge."""
    top, bottom, left, right = rng.uniform(0, most, 4)
    return cropped(image, top, bottom, left, right)


def cropped_at_one_edge(image: Grey, rng: np.random.Generator, share: float) -> Grey:
    """Cut a share off any one edge."""
    top, bottom, left, right = share * (np.arange(4) == rng.integers(4))
    return cropped(image, top, bottom, left, right)


def _black_or_white(rng: np.random.Generator) -> float:
    return float(rng.choice([0, 255]))


def framed(image: Grey, rng: np.random.Generator) -> Grey:
    """Shrink to 84 to 97 % of the side, in the middle or not, in a black or white frame."""
    side = len(image)
    inner = round(side * rng.uniform(0.84, 0.97))
    around = np.full((side, side), _black_or_white(rng), np.float32)
    middle = (side - inner) // 2, (side - inner) // 2
    down, across = middle if rng.random() < 0.5 else rng.integers(0, side - inner + 1, 2)
    around[down : down + inner, across : across + inner] = resized(image, inner, inner)
    return around


def bordered(image: Grey, rng: np.random.Generator) -> Grey:
    """Paint a border over the outer 1.5 to 8 % of each side."""
    side = len(image)
    width = round(side * rng.uniform(0.015, 0.08))
    inner = image[width : side - width, width : side - width]
    return np.pad(inner, width, constant_values=_black_or_white(rng))


def letterboxed(image: Grey, rng: np.random.Generator) -> Grey:
    """Pad two opposite edges by 5 to 22 % of the side."""
    width = round(len(image) * rng.uniform(0.05, 0.22))
    edges = ((width, width), (0, 0)) if rng.random() < 0.5 else ((0, 0), (width, width))
    return np.pad(image, edges, constant_values=_black_or_white(rng))


def marked(image: Grey, rng: np.random.Generator) -> Grey:
    """Write a marker anywhere, black or white, at times in a box."""
    side = len(image)
    canvas = picture(image)
    pen = ImageDraw.Draw(canvas)
    height = int(rng.integers(round(0.07 * side), round(0.17 * side) + 1))
    font = ImageFont.load_default(size=height)
    text = str(rng.choice(_WORDS))
    width = int(pen.textlength(text, font=font))
    left = int(rng.integers(0, max(1, side - width)))
    top = int(rng.integers(0, side - height - 1))
    ink = int(rng.choice([255, 255, 0]))
    if rng.random() < 0.3:
        pen.rectangle([left - 2, top - 1, left + width + 2, top + height + 3], fill=255 - ink)
    pen.text((left, top), text, fill=ink, font=font)
    return grey(canvas)


def boxed(image: Grey, rng: np.random.Generator) -> Grey:
    """Burn a box of text into a corner, of up to a tenth of the area."""
    side = len(image)
    canvas = picture(image)
    pen = ImageDraw.Draw(canvas)
    height, width = (int(side * rng.uniform(*span)) for span in ((0.09, 0.2), (0.3, 0.6)))
    left = int(rng.choice([2, side - width - 2]))
    top = int(rng.choice([2, side - height - 2]))
    fill = int(_black_or_white(rng))
    pen.rectangle([left, top, left + width, top + height], fill=fill)
    font = ImageFont.load_default(size=max(6, round(0.07 * side)))
    pen.text((left + 2, top + 1), "NAME 1970", fill=255 - fill, font=font)
    return grey(canvas)


def turned(image: Grey, rng: np.random.Generator, degrees: float) -> Grey:
    """Turn to either side on black or white ground."""
    angle = degrees * float(rng.choice([-1, 1]))
    fill = int(_black_or_white(rng))
    return grey(picture(image).rotate(angle, Image.Resampling.BICUBIC, fillcolor=fill))


def turned_in_full(image: Grey, rng: np.random.Generator, degrees: float) -> Grey:
    """Turn to either side, in a larger canvas that keeps the corners."""
    angle = degrees * float(rng.choice([-1, 1]))
    return grey(picture(image).rotate(angle, Image.Resampling.BICUBIC, expand=True))


def shifted(image: Grey, rng: np.random.Generator, most: float) -> Grey:
    """Shift, and repeat the edges or fill with black."""
    side = len(image)
    reach = round(most * side)
    down, across = (int(step) for step in rng.integers(-reach, reach + 1, 2))
    mode: Literal["edge", "constant"] = "edge" if rng.random() < 0.5 else "constant"
    wide = np.pad(image, reach, mode=mode)
    return wide[reach - down :, reach - across :][:side, :side]


def encoded(image: Grey, name: str, quality: int) -> Grey:
    """Save and read again."""
    file = io.BytesIO()
    picture(image).save(file, name, quality=quality)
    return grey(Image.open(file).convert("L"))


def clahe(image: Grey, tiles: int = 8, clip: float = 4) -> Grey:
    """Equalise the histogram of each tile, clipped (Zuiderveld 1994)."""
    side = len(image) // tiles
    levels = image.clip(0, 255).astype(int)
    curves = np.zeros((tiles, tiles, 256))
    for row in range(tiles):
        for column in range(tiles):
            tile = levels[row * side : (row + 1) * side, column * side : (column + 1) * side]
            counts = np.bincount(tile.ravel(), minlength=256).astype(float)
            most = clip * counts.sum() / 256
            counts = np.minimum(counts, most) + np.maximum(counts - most, 0).sum() / 256
            curves[row, column] = 255 * np.cumsum(counts) / counts.sum()
    at = ((np.arange(len(image)) + 0.5) / side - 0.5).clip(0, tiles - 1)
    low = at.astype(int)
    high = np.minimum(low + 1, tiles - 1)
    share = at - low

    def of(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Grey:
        found: Grey = curves[rows[:, None], columns, levels].astype(np.float32)
        return found

    upper = (1 - share) * of(low, low) + share * of(low, high)
    lower = (1 - share) * of(high, low) + share * of(high, high)
    equalised: Grey = (1 - share[:, None]) * upper + share[:, None] * lower
    return equalised


def gamma(image: Grey, exponent: float) -> Grey:
    """Bend the tones."""
    return np.asarray(255 * (image.clip(0, 255) / 255) ** exponent, np.float32)


def warped(image: Grey, rng: np.random.Generator, amplitude: float) -> Grey:
    """Bend smoothly, by an amplitude in shares of the side."""
    side = len(image)
    fields = ndimage.gaussian_filter(rng.normal(size=(2, side, side)), (0, side / 8, side / 8))
    moves = amplitude * side * fields / np.abs(fields).max(axis=(1, 2), keepdims=True)
    at = np.mgrid[:side, :side] + moves
    return np.asarray(ndimage.map_coordinates(image, at, order=1, mode="nearest"), np.float32)


def in_perspective(image: Grey, rng: np.random.Generator, most: float) -> Grey:
    """Move each corner in by up to a share of the side, as in a photograph of a screen."""
    side = len(image)
    corners = np.array([(0, 0), (0, side), (side, side), (side, 0)], float)
    inward = np.sign(side / 2 - corners) * rng.uniform(0, most * side, (4, 2))
    (a, b), (c, d), (e, f), (g, h) = corners + inward
    quad = (a, b, c, d, e, f, g, h)
    transform = Image.Transform.QUAD
    return grey(picture(image).transform((side, side), transform, quad, Image.Resampling.BICUBIC))


def sheared(image: Grey, slope: float) -> Grey:
    """Shift each row by its height."""
    matrix = np.array([[1, 0], [slope, 1]])
    offset = [0, -slope * len(image) / 2]
    slanted: Grey = ndimage.affine_transform(image, matrix, offset, order=1, mode="nearest")
    return slanted


def salted(image: Grey, rng: np.random.Generator, share: float) -> Grey:
    """Set a share of the pixels to black or white."""
    noisy = image.copy()
    where = rng.random(image.shape) < share
    noisy[where] = rng.choice([0, 255], where.sum())
    return noisy


def pointed_at(image: Grey, rng: np.random.Generator) -> Grey:
    """Draw three arrows."""
    side = len(image)
    canvas = picture(image)
    pen = ImageDraw.Draw(canvas)
    for x, y in rng.integers(round(0.2 * side), round(0.8 * side), (3, 2)).tolist():
        tip = round(0.06 * side)
        pen.line([x + 2 * tip, y - tip, x, y], fill=255, width=max(1, side // 64))
        pen.polygon([(x, y), (x + tip, y - tip), (x + tip, y + tip // 3)], fill=255)
    return grey(canvas)


def watermarked(image: Grey) -> Grey:
    """Blend large letters over the middle."""
    side = len(image)
    over = picture(image)
    font = ImageFont.load_default(size=round(0.3 * side))
    ImageDraw.Draw(over).text((0.05 * side, 0.35 * side), "COPY", fill=255, font=font)
    return 0.6 * image + 0.4 * grey(over)


def shaded(image: Grey) -> Grey:
    """Darken one side to a third."""
    return image * np.linspace(0.33, 1, len(image)).astype(np.float32)


def ruled(image: Grey) -> Grey:
    """Draw a grid over the image."""
    lines = image.copy()
    lines[:: len(image) // 8] = 255
    lines[:, :: len(image) // 8] = 255
    return lines


def filtered(image: Grey, kind: ImageFilter.Filter) -> Grey:
    """Apply a filter of Pillow's."""
    return grey(picture(image).filter(kind))


def equalised(image: Grey) -> Grey:
    """Equalise the histogram."""
    return grey(ImageOps.equalize(picture(image)))


def halved(image: Grey) -> Grey:
    """Shrink to half the side."""
    return resized(image, len(image) // 2, len(image) // 2)


NAMED: dict[str, Change] = {
    "none": lambda x, _: x,
    "marker": marked,
    "text box": boxed,
    "frame": framed,
    "border painted over": bordered,
    "letterbox": letterboxed,
    "crop 0 to 5 % of each edge": lambda x, rng: cropped_anyhow(x, rng, 0.05),
    "crop 5 % of each edge": lambda x, _: cropped(x, *[0.05] * 4),
    "crop 5 % of one edge": lambda x, rng: cropped_at_one_edge(x, rng, 0.05),
    "turn 3 degrees": lambda x, rng: turned(x, rng, 3),
    "turn 3 degrees, larger canvas": lambda x, rng: turned_in_full(x, rng, 3),
    "mirrored": lambda x, _: x[:, ::-1].copy(),
    "inverted": lambda x, _: 255 - x,
    "equalised": lambda x, _: equalised(x),
    "CLAHE": lambda x, _: clahe(x),
    "CLAHE, mild": lambda x, _: clahe(x, 4, 2),
    "gamma 0.5": lambda x, _: gamma(x, 0.5),
    "gamma 2": lambda x, _: gamma(x, 2),
    "JPEG 20": lambda x, _: encoded(x, "JPEG", 20),
    "shift to 5 %": lambda x, rng: shifted(x, rng, 0.05),
    "half the size": lambda x, _: halved(x),
}


def _any_two(image: Grey, rng: np.random.Generator, num: int = 2) -> Grey:
    kinds = [NAMED[name] for name in _TO_COMBINE]
    for k in rng.choice(len(kinds), num, replace=False):
        image = kinds[k](image.clip(0, 255), rng)
        if image.shape[0] != image.shape[1]:
            image = resized(image, max(image.shape), max(image.shape))
    return image


_TO_COMBINE = (
    "marker",
    "frame",
    "border painted over",
    "crop 0 to 5 % of each edge",
    "turn 3 degrees",
    "mirrored",
    "inverted",
    "equalised",
    "CLAHE",
)

COMBINED: dict[str, Change] = {
    "any two": _any_two,
    "any three": lambda x, rng: _any_two(x, rng, 3),
    "mirrored and turned": lambda x, rng: turned(x[:, ::-1], rng, 3),
    "mirrored and cropped": lambda x, rng: cropped_anyhow(x[:, ::-1], rng, 0.05),
    "inverted and marked": lambda x, rng: marked(255 - x, rng),
    "turned and cropped": lambda x, rng: cropped_anyhow(turned(x, rng, 3), rng, 0.05),
    "turned and CLAHE": lambda x, rng: clahe(turned(x, rng, 3)),
    "framed and marked": lambda x, rng: marked(framed(x, rng), rng),
    "frame, CLAHE and text box": lambda x, rng: framed(boxed(clahe(x), rng), rng),
    "crop, gamma and JPEG": lambda x, rng: encoded(
        gamma(cropped_anyhow(x, rng, 0.05), 1.8), "JPEG", 40
    ),
}

FURTHER: dict[str, Change] = {
    "crop 0 to 12 % of each edge": lambda x, rng: cropped_anyhow(x, rng, 0.12),
    "crop 10 % of each edge": lambda x, _: cropped(x, *[0.1] * 4),
    "16 % cut off the width": lambda x, _: cropped(x, 0, 0, 0.08, 0.08),
    "15 % cut off the bottom": lambda x, _: cropped(x, 0, 0.15, 0, 0),
    "30 % cut off the bottom": lambda x, _: cropped(x, 0, 0.3, 0, 0),
    "shift to 10 %": lambda x, rng: shifted(x, rng, 0.1),
    "turn 6 degrees": lambda x, rng: turned(x, rng, 6),
    "turn 10 degrees": lambda x, rng: turned(x, rng, 10),
    "turn 90 degrees": lambda x, _: np.rot90(x).copy(),
    "upside down": lambda x, _: x[::-1].copy(),
    "another aspect": lambda x, _: resized(x, round(0.8 * len(x)), len(x)),
    "noise 5 %": lambda x, rng: x + rng.normal(0, 12, x.shape).astype(np.float32),
    "noise 10 %": lambda x, rng: x + rng.normal(0, 25, x.shape).astype(np.float32),
    "salt and pepper 2 %": lambda x, rng: salted(x, rng, 0.02),
    "JPEG 8": lambda x, _: encoded(x, "JPEG", 8),
    "WebP 20": lambda x, _: encoded(x, "WEBP", 20),
    "blur of 1 % of the side": lambda x, _: ndimage.gaussian_filter(x, len(x) / 100),
    "blur of 2 % of the side": lambda x, _: ndimage.gaussian_filter(x, len(x) / 50),
    "median of 3": lambda x, _: filtered(x, ImageFilter.MedianFilter(3)),
    "sharpened": lambda x, _: filtered(x, ImageFilter.UnsharpMask(3, 250, 0)),
    "a quarter of the size": lambda x, _: resized(x, len(x) // 4, len(x) // 4),
    "16 grey levels": lambda x, _: grey(ImageOps.posterize(picture(x), 4)),
    "4 grey levels": lambda x, _: grey(ImageOps.posterize(picture(x), 2)),
    "solarised": lambda x, _: grey(ImageOps.solarize(picture(x), 128)),
    "contrast raised and cut": lambda x, _: (x - 128) * 1.8 + 128,
    "contrast quartered": lambda x, _: (x - 128) * 0.25 + 128,
    "gamma 0.3": lambda x, _: gamma(x, 0.3),
    "gamma 3": lambda x, _: gamma(x, 3),
    "shaded": lambda x, _: shaded(x),
    "arrows": pointed_at,
    "watermark": lambda x, _: watermarked(x),
    "grid": lambda x, _: ruled(x),
    "perspective to 5 %": lambda x, rng: in_perspective(x, rng, 0.05),
    "shear 5 %": lambda x, _: sheared(x, 0.05),
    "bent by 1.5 %": lambda x, rng: warped(x, rng, 0.015),
    "bent by 3 %": lambda x, rng: warped(x, rng, 0.03),
}
