"""From what lies around images to what the tests need to know of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from release.gate.real_images import Crowd
from release.gate.sight import Sight
from release.similarity.knn import NUM_NEAREST, Array, density, num_common, within
from release.similarity.metric import Neighbours


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What lies around n images.

    Attributes:
        real: Neighbours among all real images.
        audit: Neighbours among those of H.
        to_trained: (n,), distance to the nearest image of T.
    """

    real: Neighbours
    audit: Neighbours
    to_trained: Array

    def where(self, chosen: NDArray[np.bool_]) -> Surroundings:
        """Keep some of the images."""
        return Surroundings(
            Neighbours(self.real.distances[chosen], self.real.indices[chosen]),
            Neighbours(self.audit.distances[chosen], self.audit.indices[chosen]),
            self.to_trained[chosen],
        )

    def seeing(self, real: NDArray[np.bool_], audit: NDArray[np.bool_]) -> Surroundings:
        """Keep some of the neighbours: masks of all real images, and of those of H."""
        return Surroundings(within(self.real, real), within(self.audit, audit), self.to_trained)


class View:
    """T, and all of H or part of it, as an image among them sees them.

    Attributes:
        of_held_out: What the witnesses of that part see, each without the images of its patient.
    """

    def __init__(self, crowd: Crowd, held_out: Surroundings, part: NDArray[np.bool_]) -> None:
        """Look at part of H.

        Args:
            crowd: Whose images there are.
            held_out: What lies around the witnesses of H.
            part: Which of them are held out, with all images of their patients.
        """
        self._crowd = crowd
        rows = crowd.witnesses[~crowd.member][part]
        in_part = np.isin(crowd.patients, crowd.patients[rows])
        self._real, self._audit = crowd.trained | in_part, in_part[~crowd.trained]
        around = held_out.seeing(self._real, self._audit)
        self._num_near = max(1, num_common(around.real)), max(1, num_common(around.audit))
        self.of_held_out = self.sight(held_out.where(part))

    def sight(self, around: Surroundings) -> Sight:
        """See images by what lies around them."""
        around = around.seeing(self._real, self._audit)
        real, usual = around.real, density(around.real, self._num_near[0])
        return Sight(
            around.to_trained / density(real, min(NUM_NEAREST, self._num_near[0])),
            density(around.audit, self._num_near[1]),
            real.distances[:, 0] / usual,
            self._crowd.patients[real.indices[:, 0]],
        )
