"""How near honest images come to training images: as near as real ones of other patients do.

Every patient of T and H gives one image, whose closeness to T is found as if it were of the set,
the patient's own images left out. An honest image is one more draw of the same kind, so that the
rank of its closeness among m of them is uniform. Several detectors measure closeness, each on a
scale of its own; the closeness of an image is the least of them, each divided by what the nearest
of the real images have by it:

    z(q) = min over detectors of c_d(q) / t_d,    t_d a low quantile of c_d among real images,

and is calibrated as one statistic, so that no detector costs the others power.

Two real images may show one patient under two names, and then lie near without any leak. The ingest
joins those that it finds; the rest are part of what honest images are like, and raise no false
alarm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from release.data import SMALLEST, Array

_SCALE = -1  # of the shares, by which detectors are brought to one scale
# Real images at or below it, at least: where it follows a few, calibrating images lie farther from
# it than new ones do, and of 500 patients three times as many honest sets were refused.
_MIN_AT_SCALE = 25

Closeness = Mapping[str, Array]  # by detector: (n,), small where T is near


def rank_of_threshold(num_patients: int, share: float) -> int:
    """Return j: the threshold stands at the j-th smallest of the patients' closeness."""
    return max(1, floor(share * (num_patients + 1)))


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Ranks among the closeness of some patients.

    Attributes:
        num_patients: m.
        ranks: j, ascending.
        values: The j-th smallest closeness, for each.
    """

    num_patients: int
    ranks: tuple[int, ...]
    values: tuple[float, ...]

    @classmethod
    def of(cls, closeness: Array, shares: Sequence[float]) -> Thresholds:
        """Take the closeness of at least one patient; equal ranks count once."""
        ranks = sorted({rank_of_threshold(len(closeness), share) for share in shares})
        ordered = np.sort(closeness)
        values = tuple(float(ordered[rank - 1]) for rank in ranks)
        return cls(len(closeness), tuple(ranks), values)


class Calibration:
    """The closeness of real images to the training images of other patients.

    Args:
        closeness: By detector, (p,), of one image of each patient, own images left out.
        labels: (p,), class of each.
        shares: Of honest images that lie below the thresholds, ascending.

    Attributes:
        overall: Of all patients together.
        by_class: Of the patients of each class that has any.
        labels: (p,).
    """

    def __init__(
        self, closeness: Closeness, labels: NDArray[np.int64], shares: Sequence[float]
    ) -> None:
        rank = max(rank_of_threshold(len(labels), shares[_SCALE]), _MIN_AT_SCALE)
        rank = min(rank, len(labels))
        self._scales = {
            name: max(SMALLEST, float(np.partition(values, rank - 1)[rank - 1]))
            for name, values in closeness.items()
        }
        values = self.least(closeness)
        self.labels = labels
        self.overall = Thresholds.of(values, shares)
        self.by_class = {
            int(label): Thresholds.of(values[labels == label], shares)
            for label in np.unique(labels)
        }

    def least(self, closeness: Closeness) -> Array:
        """Return the closeness of images, (n,), by the detector that T is nearest by."""
        scaled = [closeness[name] / scale for name, scale in self._scales.items()]
        least: Array = np.min(scaled, axis=0)
        return least

    def flagged(self, closeness: Closeness) -> NDArray[np.bool_]:
        """Flag images that are as near to T as the nearest real ones are, or nearer: (n,)."""
        flags: NDArray[np.bool_] = self.least(closeness) <= self.overall.values[0]
        return flags
