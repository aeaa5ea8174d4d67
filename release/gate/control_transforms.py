"""The positive controls: the ways in which training images are changed to try the gate.

A required kind must be found, or the gate decides nothing. The others are one strong change each: a
kind of which enough are found is claimed, any other is named in the report as not looked for.

Reference: filters that look sound miss the near-duplicates that a model makes (arXiv:2510.01793),
so every release measures the recall of its own detector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from release.data import Pixels
from release.gate.transforms.change import Change, same
from release.gate.transforms.geometric import cropped, moved, stretched, warped
from release.gate.transforms.overlay import bordered, cut_out, framed, lettered, within
from release.gate.transforms.tonal import (
    blurred,
    brightened,
    compressed,
    contrasted,
    equalised,
    gamma,
    noisy,
    principal,
    resampled,
)

_LUNG = (0.3, 0.47, 0.17, 0.3)  # column, row, half width and half height of the left one, of a side


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


CONTROL_TRANSFORMS = (
    ControlTransform("exact copy", same(torch.clone)),
    ControlTransform("noise", noisy(0.05)),
    ControlTransform("gamma", gamma(1.5)),
    ControlTransform("contrast", contrasted(0.3)),
    ControlTransform("shift", moved(shift=3 / 64)),
    ControlTransform("rotation", moved(degrees=5)),
    ControlTransform("flip", same(lambda images: images.flip(-1))),
    ControlTransform("crop", cropped(0.1)),
    ControlTransform("blur", blurred(1 / 64)),
    ControlTransform("jpeg", compressed(30)),
    ControlTransform("strong noise", noisy(0.15), required=False),
    ControlTransform("strong gamma", gamma(2.5), required=False),
    ControlTransform("brightness", brightened(0.3), required=False),
    ControlTransform("inverted", same(torch.bitwise_not), required=False),
    ControlTransform("equalised tiles", equalised, required=False),
    ControlTransform("eight grey levels", same(lambda images: images & 0b11100000), required=False),
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
        ControlTransform(name, within(hosts, mask), required=False) for name, mask in shown.items()
    )
