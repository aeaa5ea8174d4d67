"""Outlines of the organs: for each pixel, how much it lies inside."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from radiographs.phantom.anatomy import Anatomy
from radiographs.phantom.view import Plane, View, inside


@dataclass(frozen=True)
class Organs:
    """Where the organs lie; each plane runs from 0 (outside) to 1 (inside).

    Args:
        is_left: Patient's left half, on the viewer's right.
        from_midline: Distance from the midline, in half sides of the image.
        lateral: Distance of the chest's inner wall from the midline, at each level.
        dome: Level of the diaphragm above or below each pixel.
        body: Trunk, neck and arms.
        cage: Inside of the ribs, including the abdomen's upper part.
        lungs: Both lungs, the heart's shadow included.
        heart: The heart.
    """

    is_left: Plane
    from_midline: Plane
    lateral: Plane
    dome: Plane
    body: Plane
    cage: Plane
    lungs: Plane
    heart: Plane


def outline(anatomy: Anatomy, view: View) -> Organs:
    """Draw the outlines of a patient's organs."""
    a, x, y = anatomy, view.x, view.y
    off = np.abs(x)
    is_left = inside(x, 0.02)

    # The chest's inner wall: a superellipse from the apex to its widest level, then straight.
    below_apex = np.clip((y - a.apex_y) / (a.widest_y - a.apex_y), 0, 1)
    lateral = a.chest_half_width * np.sqrt(1 - (1 - below_apex) ** 2.3)
    lateral = lateral - 0.06 * np.clip(y - a.widest_y, 0, None)
    medial = a.mediastinum_half_width + 0.07 * (1 - below_apex) ** 2 + a.turn * np.sign(x)
    medial = medial + 0.16 * np.clip(below_apex - 0.35, 0, 0.4)  # towards the heart

    # The diaphragm: a dome over the middle of each lung, falling into the angles at its sides.
    across = off / a.chest_half_width - 0.45
    fall = np.where(across > 0, np.float32(0.62), np.float32(0.38)) * across * across
    dome = a.dome_y + a.left_dome_drop * is_left + fall

    cage = inside(lateral - off, 0.02)
    lungs = cage * inside(off - medial, 0.02) * inside(dome - y, 0.015)

    shoulder = a.shoulder_y + 0.30 * np.clip(off - 0.2, 0, None) ** 1.3
    neck = inside(0.24 + 0.3 * np.clip(y - a.shoulder_y + 0.1, 0, None) - off, 0.03)
    side = a.chest_half_width + a.fat + 2.5 * np.clip(-0.12 - y, 0, None) ** 2
    body = np.maximum(inside(y - shoulder, 0.03), neck) * inside(side - off, 0.02)
    return Organs(is_left, off, lateral, dome, body, cage, lungs, _heart(a, view))


def _heart(a: Anatomy, view: View) -> Plane:
    """Draw a sheared ellipse whose horizontal extent is the cardiothoracic ratio."""
    half_width = a.cardiothoracic_ratio * a.chest_half_width
    half_height = 0.20 + 0.42 * half_width
    shear = a.heart_tilt * 0.6
    semi_axis = math.sqrt(max(half_width**2 - (shear * half_height) ** 2, 0.01))
    centre_x, centre_y = 0.36 * half_width + a.turn, a.dome_y + 0.04 - 0.72 * half_height
    down = (view.y - centre_y) / half_height
    right = (view.x - centre_x - shear * half_height * down) / semi_axis
    return inside((1 - np.sqrt(right * right + down * down)) * half_width, 0.035)
