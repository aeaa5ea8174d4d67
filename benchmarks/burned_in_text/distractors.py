"""Draws what could be taken for text and is none: wires, combs, rings, arrows, noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy.interpolate import make_interp_spline

Grey = NDArray[np.uint8]
Points = NDArray[np.float64]


def with_distractors(image: Grey, rng: np.random.Generator) -> Grey:
    """Draw a few things into an image."""
    for _ in range(rng.poisson(2.2)):
        mask = Image.new("L", (image.shape[1], image.shape[0]))
        KINDS[rng.integers(len(KINDS))](ImageDraw.Draw(mask), image.shape[0], rng)
        if rng.random() < 0.4:
            mask = mask.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
        alpha = np.asarray(mask, np.float32) / 255 * rng.uniform(0.15, 1)
        grey = rng.choice([255.0, 255.0, 0.0, rng.uniform(0, 255)])
        image = np.clip(image + alpha * (grey - image) + 0.5, 0, 255).astype(np.uint8)
    return image


def _path(size: int, rng: np.random.Generator, length: float) -> Points:
    """Draw a smooth curve, (points, 2)."""
    num_knots = int(rng.integers(3, 7))
    steps = rng.normal(0, 1, (num_knots, 2)) + rng.normal(0, 1, 2)
    knots = rng.uniform(0, size, 2) + np.cumsum(steps, 0) * length / num_knots
    curve = make_interp_spline(np.linspace(0, 1, num_knots), knots, k=min(3, num_knots - 1))
    points: Points = curve(np.linspace(0, 1, max(8, int(length))))
    return points


def _wire(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(1, 4)):
        points = _path(size, rng, size * rng.uniform(0.3, 1.2))
        pen.line([tuple(p) for p in points], fill=255, width=int(rng.integers(1, 5)))


def _parallel_wires(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    points, gap = _path(size, rng, size * rng.uniform(0.3, 1)), rng.uniform(2, 8)
    for k in range(rng.integers(2, 6)):
        pen.line([(x + k * gap, y) for x, y in points], fill=255, width=int(rng.integers(1, 3)))


def _dashes(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    points = _path(size, rng, size * rng.uniform(0.2, 0.8))
    period, width = int(rng.integers(4, 14)), int(rng.integers(1, 5))
    for k in range(0, len(points) - period, period):
        pen.line([tuple(p) for p in points[k : k + max(2, period // 2)]], fill=255, width=width)


def _beads(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    points = _path(size, rng, size * rng.uniform(0.1, 0.8))
    radius, hollow = rng.uniform(1, 6), rng.random() < 0.5
    for x, y in points[:: max(2, int(radius * rng.uniform(1.6, 4)))]:
        box = [x - radius, y - radius, x + radius, y + radius]
        pen.ellipse(box, fill=None if hollow else 255, outline=255, width=max(1, int(radius / 3)))


def _coil(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    points = _path(size, rng, size * rng.uniform(0.05, 0.4))
    swing, period = rng.uniform(2, 8), rng.uniform(2, 9)
    phase = np.arange(len(points)) / period * 2 * np.pi
    wound = points + swing * np.stack([np.cos(phase), np.sin(phase)], 1)
    pen.line([tuple(p) for p in wound], fill=255, width=int(rng.integers(1, 3)))


def _comb(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    """A ruler's ticks, staples, screws of a rod, the teeth of a zip fastener."""
    start, angle = rng.uniform(0, size, 2), rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    gap, height = rng.uniform(2.5, 12), rng.uniform(2, 14)
    every, width = int(rng.integers(1, 11)), int(rng.integers(1, 4))
    slant = rng.normal(0, 0.3) * (rng.random() < 0.4)
    num_teeth = int(rng.integers(3, 40))
    for k in range(num_teeth):
        foot = start + k * gap * along
        tip = foot + height * (1 if k % every else 1.6) * (across + slant * along)
        pen.line([*foot, *tip], fill=255, width=width)
    if rng.random() < 0.5:
        pen.line([*start, *(start + num_teeth * gap * along)], fill=255, width=width)


def _ring(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    x, y = rng.uniform(0, size, 2)
    for _ in range(rng.integers(1, 4)):
        a, b = rng.uniform(2, 0.06 * size + 6, 2)
        b = a if rng.random() < 0.6 else b
        solid = rng.random() < 0.25
        pen.ellipse(
            [x - a, y - b, x + a, y + b],
            fill=255 if solid else None,
            outline=255,
            width=int(rng.integers(1, 4)),
        )


def _arrow(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(1, 4)):
        tip, angle = rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi)
        length, head = rng.uniform(8, 0.15 * size + 9), rng.uniform(3, 9)
        back = np.array([np.cos(angle), np.sin(angle)])
        side = np.array([-back[1], back[0]])
        pen.line([*tip, *(tip + length * back)], fill=255, width=int(rng.integers(1, 5)))
        pen.polygon(
            [*tip, *(tip + head * (back + 0.6 * side)), *(tip + head * (back - 0.6 * side))],
            fill=255,
        )


def _loops(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    """Sternal wires: small twisted loops under each other."""
    x, y = rng.uniform(0, size, 2)
    gap, a, b = rng.uniform(8, 40), rng.uniform(2, 10), rng.uniform(1, 6)
    for k in range(rng.integers(2, 8)):
        cx, cy = x + rng.normal(0, 2), y + k * gap
        pen.arc(
            [cx - a, cy - b, cx + a, cy + b],
            rng.uniform(0, 180),
            rng.uniform(200, 360),
            fill=255,
            width=int(rng.integers(1, 3)),
        )
        pen.line([cx, cy, *(np.array([cx, cy]) + rng.normal(0, a, 2))], fill=255, width=1)


def _polygons(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(1, 5)):
        centre = rng.uniform(0, size, 2)
        corners = centre + rng.normal(0, rng.uniform(3, 0.2 * size), (int(rng.integers(3, 7)), 2))
        pen.polygon(
            [tuple(c) for c in corners], fill=255 if rng.random() < 0.6 else None, outline=255
        )


def _grid(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    """A grid, or a weave, in part of the image."""
    left, top = rng.uniform(0, size, 2)
    width, height = rng.uniform(0.1 * size, 0.5 * size, 2)
    gap, slant = rng.uniform(3, 14), rng.normal(0, 8)
    for x in np.arange(left, left + width, gap):
        pen.line([x, top, x + slant, top + height], fill=255, width=1)
    if rng.random() < 0.5:
        for y in np.arange(top, top + height, gap * rng.uniform(0.6, 2)):
            pen.line([left, y, left + width, y - slant], fill=255, width=1)


def _scribble(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    """A tangle of tubes and cables."""
    for _ in range(rng.integers(2, 5)):
        points = np.cumsum(rng.normal(0, rng.uniform(4, 18), (int(rng.integers(4, 9)), 2)), 0)
        curve = make_interp_spline(np.linspace(0, 1, len(points)), points, k=3)
        drawn = rng.uniform(0, size, 2) + curve(np.linspace(0, 1, 80))
        pen.line([tuple(p) for p in drawn], fill=255, width=int(rng.integers(1, 4)))


def _blobs(pen: ImageDraw.ImageDraw, size: int, rng: np.random.Generator) -> None:
    """Calcifications, contrast medium, dust."""
    centre, spread = rng.uniform(0, size, 2), rng.uniform(5, 0.2 * size)
    for _ in range(rng.integers(3, 40)):
        x, y = centre + rng.normal(0, spread, 2)
        a, b = rng.uniform(0.5, 5, 2)
        pen.ellipse([x - a, y - b, x + a, y + b], fill=255)


KINDS: tuple[Callable[[ImageDraw.ImageDraw, int, np.random.Generator], None], ...] = (
    _wire,
    _wire,
    _parallel_wires,
    _dashes,
    _beads,
    _coil,
    _comb,
    _comb,
    _ring,
    _arrow,
    _loops,
    _polygons,
    _grid,
    _scribble,
    _scribble,
    _blobs,
)
