"""A chest in numbers, and how chests differ.

Lengths are in half sides of the image: the image spans -1 to 1, x to the viewer's right (the
patient's left, where the heart's apex points), y downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Anatomy:
    """One patient, as positioned for one image.

    Args:
        chest_half_width: From the midline to the inside of the ribs, at the widest level.
        apex_y: Top of the lungs.
        widest_y: Level at which the chest is widest.
        dome_y: Top of the right diaphragm; deeper inspiration pushes it down.
        left_dome_drop: How much lower the left one stands.
        mediastinum_half_width: Of the shadow above the heart.
        cardiothoracic_ratio: Width of the heart over inner width of the chest; above 0.5 the
            heart is called enlarged.
        heart_tilt: Shear of the heart's outline towards its apex.
        aortic_knob: Radius of the arch's shadow at the left upper mediastinum.
        rib_spacing: Between posterior ribs.
        rib_phase: Level of the first rib, in spacings.
        rib_slope: How steeply posterior ribs fall to the side.
        clavicle_y: Level of the clavicles' inner ends.
        shoulder_y: Level of the shoulders at the neck.
        fat: Thickness of soft tissue outside the ribs.
        breast: Attenuation of the breast shadows; 0 for none.
        gastric_bubble: Radius of the air under the left diaphragm; 0 for none.
        turn: Rotation about the long axis: shifts the mediastinum sideways.
        bone: Density of the skeleton, about 1.
    """

    chest_half_width: float
    apex_y: float
    widest_y: float
    dome_y: float
    left_dome_drop: float
    mediastinum_half_width: float
    cardiothoracic_ratio: float
    heart_tilt: float
    aortic_knob: float
    rib_spacing: float
    rib_phase: float
    rib_slope: float
    clavicle_y: float
    shoulder_y: float
    fat: float
    breast: float
    gastric_bubble: float
    turn: float
    bone: float


def random_anatomy(rng: np.random.Generator, *, enlarged_heart: bool) -> Anatomy:
    """Draw a patient; hearts measure 0.38 to 0.50 of the chest, enlarged ones 0.55 to 0.72."""
    apex_y = rng.uniform(-0.86, -0.70)
    return Anatomy(
        chest_half_width=rng.uniform(0.68, 0.88),
        apex_y=apex_y,
        widest_y=rng.uniform(0.15, 0.40),
        dome_y=rng.uniform(0.32, 0.62),
        left_dome_drop=rng.uniform(-0.01, 0.08),
        mediastinum_half_width=rng.uniform(0.10, 0.155),
        cardiothoracic_ratio=rng.uniform(0.55, 0.72) if enlarged_heart else rng.uniform(0.38, 0.5),
        heart_tilt=rng.uniform(0.2, 0.55),
        aortic_knob=rng.uniform(0.05, 0.11),
        rib_spacing=rng.uniform(0.135, 0.185),
        rib_phase=rng.uniform(0, 1),
        rib_slope=rng.uniform(0.18, 0.42),
        clavicle_y=apex_y + rng.uniform(0.10, 0.24),
        shoulder_y=rng.uniform(-1.05, -0.86),
        fat=rng.uniform(0.06, 0.18),
        breast=rng.uniform(0.03, 0.11) if rng.random() < 0.5 else 0.0,
        gastric_bubble=rng.uniform(0.07, 0.14) if rng.random() < 0.6 else 0.0,
        turn=rng.normal(0, 0.02),
        bone=rng.uniform(0.7, 1.2),
    )
