"""What the gate asks first: do the images look like images at all?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from release.stats.estimate import Estimate


@dataclass(frozen=True)
class Validity:
    """The set between the best and the worst it could be, every class weighing the same.

    Attributes:
        kid: Of the set to the held-out images H.
        kid_floor: Of real images (U) to other real images (H): what a perfect model would show.
        kid_ceiling: Of each class's mean image, over and over, to H: what a model would show that
            has learned nothing but the mean.
        agreement: Share of images that the classifier assigns to their label, in [0, 1]; None for a
            set without labels.
        real_accuracy: The same share of the real images U.
        chance: The same share for a classifier that guesses.
    """

    kid: Estimate
    kid_floor: Estimate
    kid_ceiling: Estimate
    agreement: Estimate | None
    real_accuracy: Estimate
    chance: Estimate

    @classmethod
    def unknown(cls) -> Validity:
        """Stand in for a set that could not be compared: its figures are NaN."""
        nothing = Estimate(math.nan, math.nan, math.nan)
        return cls(nothing, nothing, nothing, None, nothing, nothing)
