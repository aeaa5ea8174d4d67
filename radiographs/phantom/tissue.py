"""How much each tissue weakens the beam, in fractions of the densest part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from radiographs.phantom.anatomy import Anatomy
from radiographs.phantom.organs import Organs
from radiographs.phantom.view import Plane, View, inside, smooth_noise

_VESSELS_PER_LUNG = 11


def attenuation(
    rng: np.random.Generator, anatomy: Anatomy, view: View, organs: Organs, air: Plane
) -> Plane:
    """Add up a chest: soft tissue less the lungs' air, plus heart, vessels and bones.

    Args:
        rng: Source of texture and vessels.
        anatomy: The patient.
        view: The patient's position.
        organs: The outlines.
        air: Share of the air that is left in each part of the lungs, 1 in health.
    """
    a, o, x, y = anatomy, organs, view.x, view.y
    thickness = np.sqrt(np.clip(1.05 - (0.8 * o.from_midline) ** 2, 0.02, None))
    total = 0.62 * thickness
    total += 0.13 * inside(y - o.dome, 0.03) * o.cage
    total += 0.035 * smooth_noise(rng, 5, view.size)

    middle = np.clip(o.from_midline / a.chest_half_width - 0.55, -0.55, 0.55)
    air_column = o.lungs * (0.42 - 0.30 * middle * middle) * air
    air_column *= 1 + 0.06 * smooth_noise(rng, 24, view.size)
    heart = o.heart * inside(o.dome + 0.05 - y, 0.08)
    total -= air_column * (1 - 0.9 * heart)
    total += _mediastinum(a, view, heart)
    total += 0.22 * _vessels(rng, a, view) * o.lungs * (1 - 0.7 * heart) * air
    total += a.breast * _breasts(a, view)
    total += a.bone * (1 - 0.5 * heart) * _bones(a, view, o)
    if a.gastric_bubble:
        bubble = np.hypot((x - 0.5 * a.chest_half_width) / 1.4, y - a.dome_y - 0.20)
        total -= 0.28 * inside(a.gastric_bubble - bubble, 0.02) * inside(y - o.dome, 0.02)
    chest: Plane = total * o.body
    return chest


def _mediastinum(a: Anatomy, view: View, heart: Plane) -> Plane:
    """Draw the great vessels and the heart as one shadow, the hila and the trachea."""
    x, y = view.x - a.turn, view.y
    knob = np.hypot(x - a.mediastinum_half_width, y - a.apex_y - 0.42)
    vessels = inside(a.mediastinum_half_width - np.abs(x), 0.08)
    arch = 0.7 * inside(a.aortic_knob - knob, 0.03)
    shadow: Plane = 0.13 * np.maximum(np.maximum(vessels, arch), heart)
    hila = np.hypot(np.abs(x) - 0.21, (y - a.apex_y - 0.68 + 0.04 * np.sign(x)) / 1.6)
    shadow += 0.09 * inside(0.06 - hila, 0.06)
    trachea = inside(0.045 - np.abs(x + 0.01), 0.02) * inside(a.apex_y + 0.42 - y, 0.05)
    shadow -= 0.13 * trachea
    return shadow


def _breasts(a: Anatomy, view: View) -> Plane:
    across = (np.abs(view.x) - 0.62 * a.chest_half_width) / 0.36
    down = (view.y - 0.25) / 0.36
    return inside(1 - np.sqrt(across * across + down * down), 0.18)


def _bones(a: Anatomy, view: View, o: Organs) -> Plane:
    y, off = view.y, o.from_midline
    out = off / a.chest_half_width
    wall = inside(o.lateral + 0.035 - off, 0.015)

    # Posterior ribs leave the spine nearly level and fall to the side; the front ends of the
    # ribs run the other way, fainter, and stop before the sternum.
    posterior = y - a.rib_slope * (out * out * 1.1 - 0.25 * out)
    bones: Plane = (
        0.135 * _bands(posterior / a.rib_spacing + a.rib_phase, 0.21) * inside(off - 0.07, 0.03)
    )
    anterior = y + (0.62 - 0.5 * a.rib_slope) * (out - 0.2)
    front = inside(out - 0.42, 0.12) * inside(0.2 - y, 0.15)
    bones += 0.075 * _bands(anterior / (1.12 * a.rib_spacing) + 0.5 * a.rib_phase, 0.24) * front
    bones *= wall * inside(y - a.apex_y, 0.06) * (1 - 0.55 * inside(y - o.dome, 0.1))
    bones += 0.06 * wall * inside(off - o.lateral + 0.02, 0.02) * inside(y - a.apex_y, 0.1)

    rise = a.clavicle_y - 0.26 * (off - 0.07) + 0.05 * np.sin(6.0 * off)
    along = inside(off - 0.07, 0.02) * inside(0.86 - off, 0.03)
    bones += 0.17 * _band((y - rise) / 0.042) * along
    blade = off - (a.chest_half_width + 0.02) + 0.25 * (y + 0.35)
    bones += 0.05 * inside(blade, 0.02) * inside(-0.02 - y, 0.1) * inside(y - a.clavicle_y, 0.05)

    # The spine shows through the mediastinum, its discs a little darker than its vertebrae.
    discs = 0.75 + 0.25 * np.cos(2 * np.pi * y / (0.85 * a.rib_spacing))
    bones += 0.06 * inside(0.075 - off, 0.02) * discs
    return bones


def _bands(phase: Plane, half_width: float) -> Plane:
    """Draw a band at each whole number, bright-edged like the cortex of a bone."""
    return _band((phase - np.round(phase)) / half_width)


def _band(distance: Plane) -> Plane:
    square = distance * distance
    return np.clip(1.6 - 1.6 * square * square, 0, 1) * (0.62 + 0.5 * square)


def _vessels(rng: np.random.Generator, a: Anatomy, view: View) -> Plane:
    """Draw vessels that leave the hila, bend, taper and fork."""
    sides = np.repeat([-1.0, 1.0], _VESSELS_PER_LUNG)
    direction = np.tile(np.linspace(-1.35, 1.35, _VESSELS_PER_LUNG), 2)
    direction += rng.normal(0, 0.09, len(sides))
    hila = np.column_stack([0.18 * sides, a.apex_y + 0.68 + 0.1 * np.sin(direction)])
    trunks = _paths(rng, hila, sides, direction, num_steps=5)
    fork = direction + rng.choice([-0.5, 0.5], len(sides))
    forks = _paths(rng, trunks[:, 2], sides, fork, num_steps=3)

    canvas = Image.new("L", (view.size, view.size))
    pen = ImageDraw.Draw(canvas)
    for paths, calibre in ((trunks, 1.0), (forks, 0.6)):
        pixels = paths @ view.to_pixel[:, :2].T + view.to_pixel[:, 2]
        for k in range(paths.shape[1] - 1):
            taper = calibre * (1 - k / (paths.shape[1] - 1))
            width, fill = max(1, round(0.013 * taper * view.size)), int(90 + 165 * taper)
            for ends in pixels[:, k : k + 2].reshape(-1, 4).tolist():
                pen.line(ends, fill=fill, width=width)
    blurred = canvas.filter(ImageFilter.GaussianBlur(0.005 * view.size))
    return np.asarray(blurred, dtype=np.float32) / 255


def _paths(
    rng: np.random.Generator,
    starts: NDArray[np.float64],
    sides: NDArray[np.float64],
    direction: NDArray[np.float64],
    num_steps: int,
) -> NDArray[np.float64]:
    """Walk outwards from each start; return (vessels, num_steps + 1, 2) points."""
    bends = rng.normal(0, 0.13, (len(starts), num_steps))
    angles = direction[:, None] + np.cumsum(bends, axis=1)
    steps = 0.1 * np.stack([sides[:, None] * np.cos(angles), np.sin(angles)], axis=-1)
    return np.cumsum(np.concatenate([starts[:, None], steps], axis=1), axis=1)
