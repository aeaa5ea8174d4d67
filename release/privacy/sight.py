"""Films as one metric sees them among the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from release.metrics.metric import Neighbours
from release.privacy.density import Array, density, nearest_among


class Sight(NamedTuple):
    """What the tests need to know of n films.

    Attributes:
        to_trained: (n,), distance to the nearest film of T.
        density: (n,), mean distance to the nearest films of H.
        to_real: (n,), distance to the nearest film of T and H together.
        density_of_real: (n,), mean distance to the nearest films of T and H together.
        nearest_patient: (n,), patient of the nearest of T and H together.
    """

    to_trained: Array
    density: Array
    to_real: Array
    density_of_real: Array
    nearest_patient: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        real: Neighbours,
        held_out: Neighbours,
        num_near: tuple[int, int],
        trained: NDArray[np.bool_],
        patients: NDArray[np.int64],
    ) -> Self:
        """See films by their neighbours.

        Args:
            real: Neighbours among all real films.
            held_out: Neighbours among those of H.
            num_near: How many of either make a density; every film has as many.
            trained: Which of the real films are in T.
            patients: Whose they are.
        """
        return cls(
            nearest_among(real, trained),
            density(held_out, num_near[1]),
            real.distances[:, 0].astype(np.float64),
            density(real, num_near[0]),
            patients[real.indices[:, 0]],
        )

    @property
    def closeness(self) -> Array:
        """r: how near T is, in units of the held-out density; copies come near 0."""
        ratio: Array = self.to_trained / self.density
        return ratio

    @property
    def closeness_to_real(self) -> Array:
        """How near any real film is, T and H alike, in units of their density."""
        ratio: Array = self.to_real / self.density_of_real
        return ratio

    def where(self, chosen: NDArray[np.bool_]) -> Self:
        """Keep some of the films."""
        return type(self)(
            self.to_trained[chosen],
            self.density[chosen],
            self.to_real[chosen],
            self.density_of_real[chosen],
            self.nearest_patient[chosen],
        )

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """See several lots of films as one."""
        return cls(
            np.concatenate([part.to_trained for part in parts]),
            np.concatenate([part.density for part in parts]),
            np.concatenate([part.to_real for part in parts]),
            np.concatenate([part.density_of_real for part in parts]),
            np.concatenate([part.nearest_patient for part in parts]),
        )
