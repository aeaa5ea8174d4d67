"""Draws text on images, and says where each glyph is."""

from __future__ import annotations

import string
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Grey = NDArray[np.uint8]
Array = NDArray[np.float32]

FONTS = tuple(
    sorted(
        path
        for path in (Path(mpl.get_data_path()) / "fonts" / "ttf").glob("*.ttf")
        if path.stem.startswith(("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmr", "cmss", "cmtt"))
        and not path.stem.endswith("Display")
    )
)  # freely licensed, and in every environment that measures
MARKERS = ("L", "R", "D", "G", "I", "S", "AP", "PA", "DX", "SX", "Re", "Li", "A", "B")
MIN_CONTRAST = 25.0  # mean change of a glyph's pixels, in grey levels: below, nobody reads it
_SYLLABLES = (
    "an ar ber bo ca chi da de el en er fi ga go ha ho in is jo ka ko la le li lo ma mar me "
    "mi mo na ne ni no os pa pe ra ri ro sa sch se so sta ta te ti to tz u va vi wa xa yo ze"
)
_WORDS = (
    "PORTABLE|ERECT|SUPINE|PATIENT|NAME|DOB|MRN|ID|HOSPITAL|CHEST|kV 90|mAs 2.5|SEMI-UPRIGHT|"
    "Acc.|Dr.|M|F|Left|Right|UPRIGHT"
)


@dataclass(frozen=True)
class Lettering:
    """How a line of text looks.

    Args:
        font: A font file; None for the bitmap font that Pillow brings, enlarged by whole pixels.
        cap_height: Of a capital letter, in pixels.
        grey: Of the glyphs.
        box: Grey of a box behind them; None without one.
        angle: Counter-clockwise, in degrees.
        stretch: Width of the glyphs, relative to the font's.
        spacing: Between glyphs, beyond the font's, in cap heights.
        outline: Grey of an outline of one pixel; None without one.
    """

    font: Path | None
    cap_height: float
    grey: int
    box: int | None = None
    angle: float = 0.0
    stretch: float = 1.0
    spacing: float = 0.0
    outline: int | None = None


@dataclass(frozen=True)
class Glyphs:
    """Where the glyphs of a line are, in pixels of the image.

    Args:
        x: (n,), centres.
        y: (n,), the middle between baseline and cap height.
        legible: (n,), whether the glyph is inside of the image and differs enough from it.
        cap_height: Of a capital.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    legible: NDArray[np.bool_]
    cap_height: float


def random_text(rng: np.random.Generator) -> str:
    """Make up a name, a date, a number or what else is burnt into images; four glyphs or more."""

    def name() -> str:
        return "".join(rng.choice(_SYLLABLES.split(), rng.integers(2, 5))).capitalize()

    def digits(num: int) -> str:
        return "".join(rng.choice(list(string.digits), num))

    def date() -> str:
        separator = str(rng.choice(["/", "-", ".", "/"]))
        parts = [digits(2), digits(2), digits(4)]
        return separator.join(parts if rng.random() < 0.7 else parts[::-1])

    match int(rng.integers(8)):
        case 0 | 1:
            text = f"{name()}{rng.choice([', ', ' ', '^'])}{name()}"
        case 2:
            text = name() + (
                f", {string.ascii_uppercase[rng.integers(26)]}." if rng.random() < 0.3 else name()
            )
        case 3:
            text = date()
        case 4:
            text = str(rng.choice(["", "ID ", "MRN:", "#", "No. "])) + digits(
                int(rng.integers(4, 10))
            )
        case 5:
            text = " ".join(rng.choice(_WORDS.split("|"), rng.integers(1, 4), replace=False))
        case 6:
            text = f"{digits(2)}:{digits(2)}:{digits(2)}"
        case _:
            text = f"{name()} {date()}"
    text = text.upper() if rng.random() < 0.55 else text
    return text if len(text.replace(" ", "")) > 3 else text + digits(4)


def font_of(path: Path | None, cap_height: float) -> ImageFont.FreeTypeFont:
    """Load a font at the size at which a capital is so high."""
    if path is None:
        big = ImageFont.load_default(200)
        assert isinstance(big, ImageFont.FreeTypeFont)
    else:
        big = ImageFont.truetype(path, 200)
    top, bottom = big.getbbox("H", anchor="ls")[1], 0
    return big.font_variant(size=max(1.0, 200 * cap_height / (bottom - top)))


def write(
    image: Grey,
    text: str,
    at: tuple[float, float],
    style: Lettering,
    least_contrast: float = MIN_CONTRAST,
) -> tuple[Grey, Glyphs]:
    """Write a line into an image.

    Args:
        image: (height, width) uint8.
        text: One line.
        at: Column and row of its upper left corner.
        style: How it looks.
        least_contrast: Mean change of the pixels of a legible glyph, in grey levels.
    """
    line, x, baseline = _line(text, style)
    pad = int(np.ceil(0.4 * style.cap_height)) + 1
    glyphs = np.pad(line, pad)
    outline = np.asarray(Image.fromarray(glyphs).filter(ImageFilter.MaxFilter(3)))
    box, outline, turned = (
        _turn(layer, style.angle) for layer in (np.full_like(glyphs, 255), outline, glyphs)
    )
    middle = np.full(len(x), baseline + pad - style.cap_height / 2)
    x, y = _turned(x + pad, middle, glyphs.shape, turned.shape, style.angle)
    left, top = round(at[0]), round(at[1])
    rows, columns, own = _overlap(image.shape, turned.shape, top, left)

    def painted(below: Array, layer: Grey, grey: int | None) -> Array:
        above = below.copy()
        if grey is not None:
            alpha = layer[own].astype(np.float32) / 255
            above[rows, columns] += alpha * (grey - below[rows, columns])
        return above

    before = painted(image.astype(np.float32), box, style.box)
    after = painted(painted(before, outline, style.outline), turned, style.grey)
    inside = np.zeros(image.shape, np.float32)
    inside[rows, columns] = turned[own].astype(np.float32) / 255
    x, y = x + left, y + top
    legible = _contrast(np.abs(after - before), inside, x, y, style.cap_height) >= least_contrast
    written = np.clip(after + 0.5, 0, 255).astype(np.uint8)
    return written, Glyphs(x, y, legible, style.cap_height)


def _line(text: str, style: Lettering) -> tuple[Grey, NDArray[np.float64], float]:
    """Draw a line of white glyphs on black; return it, the glyphs' centres, and the baseline."""
    font = font_of(style.font, style.cap_height)
    gap = style.spacing * style.cap_height
    ascent, descent = 1.6 * style.cap_height, 0.6 * style.cap_height
    starts = [font.getlength(text[:k]) + k * gap for k in range(len(text) + 1)]
    image = Image.new(
        "L", (int(starts[-1] + 0.6 * style.cap_height + 3), int(ascent + descent + 2))
    )
    pen = ImageDraw.Draw(image)
    if gap:
        for start, glyph in zip(starts, text, strict=False):
            pen.text((start + 1, ascent), glyph, fill=255, font=font, anchor="ls")
    else:
        pen.text((1, ascent), text, fill=255, font=font, anchor="ls")
    if style.stretch != 1:
        image = image.resize(
            (max(1, round(image.width * style.stretch)), image.height), Image.Resampling.BILINEAR
        )
    middles = [(a + b) / 2 + 1 for a, b in pairwise(starts)]
    x = np.array([m for m, glyph in zip(middles, text, strict=True) if glyph.isalnum()])
    return np.asarray(image), x * style.stretch, ascent


def _turn(layer: Grey, angle: float) -> Grey:
    if not angle:
        return layer
    return np.asarray(Image.fromarray(layer).rotate(angle, Image.Resampling.BICUBIC, expand=True))


def _turned(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    old: tuple[int, ...],
    new: tuple[int, ...],
    angle: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    dx, dy = x - old[1] / 2, y - old[0] / 2
    return new[1] / 2 + cos * dx + sin * dy, new[0] / 2 - sin * dx + cos * dy


def _overlap(
    image: tuple[int, ...], shape: tuple[int, ...], top: int, left: int
) -> tuple[slice, slice, tuple[slice, slice]]:
    first_row, last_row = max(top, 0), max(min(top + shape[0], image[0]), top, 0)
    first, last = max(left, 0), max(min(left + shape[1], image[1]), left, 0)
    own = slice(first_row - top, last_row - top), slice(first - left, last - left)
    return slice(first_row, last_row), slice(first, last), own


def _contrast(
    change: NDArray[np.float32],
    inside: NDArray[np.float32],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    cap_height: float,
) -> NDArray[np.float64]:
    """Return the mean change of each glyph's pixels; 0 where it is not all inside of the image."""
    half = max(cap_height / 2, 1)
    found = []
    for column, row in zip(x, y, strict=True):
        rows = slice(round(row - half), round(row + half) + 1)
        columns = slice(round(column - half / 2), round(column + half / 2) + 1)
        whole = rows.start >= 0 and columns.start >= 0
        whole &= rows.stop <= change.shape[0] and columns.stop <= change.shape[1]
        ink = inside[rows, columns] if whole else inside[:0, :0]
        strong = ink > 0.5 * ink.max() if ink.size else ink.astype(bool)
        found.append(change[rows, columns][strong].mean() if strong.any() else 0.0)
    return np.array(found)
