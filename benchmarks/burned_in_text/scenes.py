"""Images to learn from and to be tried on: phantoms with distractors, markers and lines of text."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter

from benchmarks.burned_in_text.distractors import with_distractors
from benchmarks.burned_in_text.lettering import (
    FONTS,
    MARKERS,
    Glyphs,
    Lettering,
    random_text,
    write,
)
from radiographs.phantom import FINDINGS, draw

Grey = NDArray[np.uint8]


class Scene(NamedTuple):
    """An image and what is written in it."""

    image: Grey
    lines: list[Glyphs]
    markers: list[Glyphs]


def background(rng: np.random.Generator, size: int, seed: int, index: int) -> Grey:
    """Draw a chest, changed as scanners and publishers change one."""
    image = draw(FINDINGS[index % len(FINDINGS)], seed=seed, index=index, size=size).pixels
    grey = image.astype(np.float32)
    if rng.random() < 0.5:
        grey = 255 * (grey / 255) ** rng.uniform(0.6, 1.8)
    if rng.random() < 0.5:
        low, high = rng.uniform(0, 70), rng.uniform(150, 255)
        grey = low + grey * (high - low) / 255
    if rng.random() < 0.08:
        grey = 255 - grey
    if rng.random() < 0.25:
        grey += _texture(rng, size)
    image = np.clip(grey + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        sharp = ImageFilter.UnsharpMask(rng.uniform(1, 6), int(rng.integers(50, 400)), 0)
        image = np.asarray(Image.fromarray(image).filter(sharp))
    return image


def _texture(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Noise of one scale, or the stripes of a grid."""
    if rng.random() < 0.4:
        y, x = np.mgrid[:size, :size].astype(np.float32)
        angle, period = rng.uniform(0, np.pi), rng.uniform(2, 12)
        wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * 2 * np.pi / period)
        return (wave * rng.uniform(3, 25)).astype(np.float32)
    noise = gaussian_filter(rng.normal(0, 1, (size, size)).astype(np.float32), rng.uniform(0, 2.5))
    return noise / noise.std() * np.float32(rng.uniform(2, 25))


def random_lettering(
    rng: np.random.Generator, cap_height: float, fonts: tuple[Path | None, ...]
) -> Lettering:
    """Draw a look: mostly white or black, some grey, some in a box."""
    grey = int(rng.choice([255, 255, 0, rng.integers(0, 256)]))
    box = None
    if rng.random() < 0.25:
        box = 0 if grey > 127 else 255
        box = box if rng.random() < 0.7 else int(rng.integers(0, 256))
    return Lettering(
        font=fonts[rng.integers(len(fonts))],
        cap_height=cap_height,
        grey=grey,
        box=box,
        angle=float(rng.normal(0, 1.5)) if rng.random() < 0.3 else 0.0,
        stretch=float(rng.uniform(0.65, 1.3)) if rng.random() < 0.4 else 1.0,
        spacing=float(rng.uniform(0, 0.3)) if rng.random() < 0.25 else 0.0,
        outline=(0 if grey > 127 else 255) if rng.random() < 0.15 else None,
    )


def draw_scene(
    rng: np.random.Generator,
    image: Grey,
    *,
    num_lines: int,
    fonts: tuple[Path | None, ...] = (None, *FONTS),
) -> Scene:
    """Draw distractors, markers and lines of text into an image, then blur or compress it."""
    image = with_distractors(image, rng)
    image, markers = with_markers(image, rng, rng.poisson(0.8), fonts)
    lines = []
    for _ in range(num_lines):
        highest = np.log(min(0.12 * len(image), 60))
        style = random_lettering(rng, float(np.exp(rng.uniform(np.log(4.6), highest))), fonts)
        at = rng.uniform(-0.05, 0.8), rng.uniform(-0.02, 0.95)
        text = random_text(rng)
        image, glyphs = write(image, text, (at[0] * len(image), at[1] * len(image)), style)
        lines.append(glyphs)
        if rng.random() < 0.3:
            below = (
                at[0] * len(image),
                at[1] * len(image) + style.cap_height * rng.uniform(1.4, 2.2),
            )
            image, glyphs = write(image, random_text(rng), below, replace(style, box=None))
            lines.append(glyphs)
    return Scene(_degraded(image, rng), lines, markers)


def with_markers(
    image: Grey, rng: np.random.Generator, num_markers: int, fonts: tuple[Path | None, ...]
) -> tuple[Grey, list[Glyphs]]:
    """Write markers of one or two letters into an image."""
    markers = []
    for _ in range(num_markers):
        height = float(np.exp(rng.uniform(np.log(4), np.log(0.12 * len(image)))))
        style = random_lettering(rng, height, fonts)
        text, at = str(rng.choice(MARKERS)), rng.uniform(0, 0.95, 2) * len(image)
        image, glyphs = write(image, text, (float(at[0]), float(at[1])), style)
        markers.append(glyphs)
    return image, markers


def _degraded(image: Grey, rng: np.random.Generator) -> Grey:
    if rng.random() < 0.35:
        image = np.asarray(
            Image.fromarray(image).filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.7)))
        )
    if rng.random() < 0.3:
        noisy = image + rng.normal(0, rng.uniform(1, 10), image.shape)
        image = np.clip(noisy + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.45:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=int(rng.integers(25, 96)))
        image = np.asarray(Image.open(file))
    return image
