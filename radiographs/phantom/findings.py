"""The findings: what each takes from the lungs' air, and the ground truth it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from radiographs.phantom.anatomy import Anatomy
from radiographs.phantom.organs import Organs
from radiographs.phantom.view import Plane, View, inside, smooth_noise

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Finding:
    """A finding in a drawn chest.

    Args:
        air: Share of air left in each part of the lungs.
        region: The finding's extent, 0 to 1.
        severity: 0 (barely to be seen) to 1; 0 in health.
        side: Lung that is ill, as the patient counts; None for the heart and in health.
    """

    air: Plane
    region: Plane
    severity: float
    side: Side | None


def no_finding(view: View) -> Finding:
    """Leave both lungs full of air."""
    return Finding(np.ones_like(view.x), np.zeros_like(view.x), 0.0, None)


def enlarged_heart(anatomy: Anatomy, organs: Organs) -> Finding:
    """Mark the heart, which the anatomy has drawn large; severity grows from a ratio of 0.55."""
    severity = (anatomy.cardiothoracic_ratio - 0.55) / (0.72 - 0.55)
    return Finding(np.ones_like(organs.heart), organs.heart, severity, None)


def lobar_opacity(
    rng: np.random.Generator, anatomy: Anatomy, view: View, organs: Organs
) -> Finding:
    """Fill part of one lobe: a cloud with an uneven border, cut where a fissure bounds it."""
    on_left = bool(rng.random() < 0.45)
    upper = bool(rng.random() < 0.4)
    severity = rng.uniform(0, 1)
    fissure = 0.5 * (anatomy.apex_y + anatomy.dome_y) + rng.normal(0, 0.03)
    reach = rng.uniform(0.26, 0.38) + 0.08 * severity
    centre_x = rng.uniform(0.40, 0.72) * anatomy.chest_half_width
    centre_y = fissure + (-1 if upper else 1) * rng.uniform(0.12, 0.28)
    across = (organs.from_midline - centre_x) / reach
    down = (view.y - centre_y) / (0.9 * reach)
    border = 1 - np.hypot(across, down) + 0.22 * smooth_noise(rng, 7, view.size)
    past_fissure = view.y - fissure + 0.15 * (organs.from_midline - centre_x)
    lobe = inside(-past_fissure if upper else past_fissure, 0.03)
    region = inside(border, 0.35) * lobe * organs.lungs * _half(organs, on_left=on_left)
    patchy = np.clip(1 - 0.18 * np.abs(smooth_noise(rng, 20, view.size)), 0, 1)
    filled = (0.68 + 0.30 * severity) * region * patchy
    return Finding(1 - filled, region, severity, "left" if on_left else "right")


def effusion(rng: np.random.Generator, anatomy: Anatomy, view: View, organs: Organs) -> Finding:
    """Fill the bottom of one pleural space: level inside, rising along the wall (a meniscus)."""
    on_left = bool(rng.random() < 0.5)
    severity = rng.uniform(0, 1)
    floor = anatomy.dome_y + anatomy.left_dome_drop * on_left
    level = floor + 0.06 - (0.08 + 0.42 * severity)
    out = organs.from_midline / anatomy.chest_half_width
    surface = level + 0.10 - (0.26 + 0.10 * severity) * np.clip(out, 0, 1.1) ** 4
    region = inside(view.y - surface, 0.045) * organs.lungs * _half(organs, on_left=on_left)
    return Finding(1 - 0.94 * region, region, severity, "left" if on_left else "right")


def _half(organs: Organs, *, on_left: bool) -> Plane:
    return organs.is_left if on_left else 1 - organs.is_left
