"""Images as one metric sees them among the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from release.similarity.knn import Array


class Sight(NamedTuple):
    """What the tests need to know of n images.

    Attributes:
        closeness: (n,), distance to the nearest of T, in units of the mean distance to the ten
            nearest of T and H; copies come near 0.
        density: (n,), mean distance to the nearest images of H.
        closeness_to_real: (n,), distance to the nearest of T and H together, in units of the mean
            distance to their nearest.
        nearest_patient: (n,), patient of the nearest of T and H together.
    """

    closeness: Array
    density: Array
    closeness_to_real: Array
    nearest_patient: NDArray[np.int64]

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        """Keep some of the images, by mask or by place."""
        return type(self)(
            self.closeness[chosen],
            self.density[chosen],
            self.closeness_to_real[chosen],
            self.nearest_patient[chosen],
        )

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """See several lots of images as one."""
        return cls(
            np.concatenate([part.closeness for part in parts]),
            np.concatenate([part.density for part in parts]),
            np.concatenate([part.closeness_to_real for part in parts]),
            np.concatenate([part.nearest_patient for part in parts]),
        )
