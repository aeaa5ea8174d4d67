"""The near-duplicates that every gate must find."""

from __future__ import annotations

from release.controls.control import Control
from release.controls.losses import blurred, compressed
from release.controls.places import cropped, flipped, rotated, shifted
from release.controls.tones import contrast, copied, gamma, noisy

CONTROLS = (
    Control("exact copy", copied),
    Control("noise", noisy),
    Control("gamma", gamma),
    Control("contrast", contrast),
    Control("shift", shifted),
    Control("rotation", rotated),
    Control("flip", flipped),
    Control("crop", cropped),
    Control("blur", blurred),
    Control("jpeg", compressed),
)
