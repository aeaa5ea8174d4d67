"""The positive controls: near-duplicates that are planted to see which of them the gate finds.

What a gate must find to decide anything is `required`. The others go far in one direction each; a
kind of which it finds enough is claimed, any other is named as not looked for.
"""

from __future__ import annotations

from release.controls.control import Control
from release.controls.losses import blurred, compressed, principal, resampled
from release.controls.overlays import bordered, cut_out, framed, lettered
from release.controls.parts import blended, halves, lung
from release.controls.places import cropped, flipped, moved, shifted, stretched, turned, zoomed
from release.controls.tones import (
    brightened,
    contrasted,
    copied,
    equalised,
    gamma,
    inverted,
    noisy,
    posterised,
)
from release.controls.warps import warped
from release.data import Pixels

CONTROLS = (
    Control("exact copy", copied),
    Control("noise", noisy(0.05)),
    Control("gamma", gamma(1.5)),
    Control("contrast", contrasted(0.3)),
    Control("shift", shifted(3 / 64)),
    Control("rotation", turned(5)),
    Control("flip", flipped),
    Control("crop", cropped(0.1)),
    Control("blur", blurred(1 / 64)),
    Control("jpeg", compressed(30)),
    Control("strong noise", noisy(0.15), required=False),
    Control("strong gamma", gamma(2.5), required=False),
    Control("brightness", brightened(0.3), required=False),
    Control("inverted", inverted, required=False),
    Control("equalised tiles", equalised, required=False),
    Control("eight grey levels", posterised(8), required=False),
    Control("shift by an eighth", shifted(1 / 8), required=False),
    Control("shift by a fifth", shifted(1 / 5), required=False),
    Control("shift by an eighth, black", shifted(1 / 8, black=True), required=False),
    Control("rotation by 12 degrees", turned(12), required=False),
    Control("zoom to 0.8", zoomed(0.8), required=False),
    Control("zoom to 0.8, black", zoomed(0.8, black=True), required=False),
    Control("zoom to 1.25", zoomed(1.25), required=False),
    Control("crop of a fifth", cropped(0.2), required=False),
    Control("stretched", stretched(1.15), required=False),
    Control("turned, zoomed and shifted", moved(8, 0.9, 1 / 16), required=False),
    Control("strong blur", blurred(2 / 64), required=False),
    Control("strong jpeg", compressed(10), required=False),
    Control("a quarter of the resolution", resampled(4), required=False),
    Control("64 principal components", principal(64), required=False),
    Control("text", lettered, required=False),
    Control("black border", bordered(0.06, 0), required=False),
    Control("white border", bordered(0.1, 255), required=False),
    Control("frame", framed(0.1), required=False),
    Control("cut-out", cut_out(3 / 8), required=False),
    Control("elastic warp", warped(2 / 64), required=False),
    Control("strong elastic warp", warped(4 / 64), required=False),
)


def of_parts(hosts: Pixels) -> tuple[Control, ...]:
    """Return controls that put a part of a training image into an image that nobody trained on.

    Args:
        hosts: (n, size, size), as many as are to be planted.
    """
    return (
        *(
            Control(f"{name} half", change, required=False)
            for name, change in halves(hosts).items()
        ),
        Control("one lung", lung(hosts), required=False),
        Control("blend 70/30", blended(hosts, 0.7), required=False),
        Control("blend 50/50", blended(hosts, 0.5), required=False),
    )
