"""Images as the gate sees them, before it is asked what it thinks of them as a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from release.array_cache import Arrays
from release.gate.attack_scores import FEWEST_NEIGHBOURS
from release.gate.calibration import Closeness
from release.gate.density_attack import Features
from release.gate.sight import Sight
from release.similarity.knn import num_common, within
from release.similarity.metric import Neighbours

_DETECTOR = "closeness/"  # begins the names of its arrays


@dataclass(frozen=True, eq=False)
class Look:
    """Images as all metrics see them.

    Attributes:
        sights: By metric: each image among the real ones.
        around: By metric: the images nearest to each witness.
        closeness: By detector: (n,), how near T is; copies come near 0.
        flagged: (n,), images that are taken for copies.
        features: (n, pixels), the images as the density attacks see them.
    """

    sights: Mapping[str, Sight]
    around: Mapping[str, Neighbours]
    closeness: Closeness
    flagged: NDArray[np.bool_]
    features: Features

    def __len__(self) -> int:
        return len(self.flagged)

    @classmethod
    def together(cls, looks: Sequence[Self]) -> Self:
        """See several lots of images as one, in their order."""
        names = looks[0].sights
        first = np.cumsum([0, *map(len, looks)]).tolist()
        return cls(
            {name: Sight.together([look.sights[name] for look in looks]) for name in names},
            {name: _together([look.around[name] for look in looks], first) for name in names},
            {
                name: np.concatenate([look.closeness[name] for look in looks])
                for name in looks[0].closeness
            },
            np.concatenate([look.flagged for look in looks]),
            np.concatenate([look.features for look in looks]),
        )

    @property
    def suffices(self) -> bool:
        """Whether as many images are listed around every witness as the scores need."""
        needed = min(FEWEST_NEIGHBOURS, len(self))
        return all(num_common(near) >= needed for near in self.around.values())

    def where(self, places: Sequence[int] | NDArray[np.int64]) -> Look:
        """Keep some of the images; around a witness those of the listed that are kept."""
        kept = np.asarray(places, np.int64)
        return Look(
            {name: sight.where(kept) for name, sight in self.sights.items()},
            {name: _kept(near, kept, len(self)) for name, near in self.around.items()},
            {name: values[kept] for name, values in self.closeness.items()},
            self.flagged[kept],
            self.features[kept],
        )

    def arrays(self) -> Arrays:
        """Write the look as arrays."""
        found: dict[str, NDArray[Any]] = {"flagged": self.flagged, "features": self.features}
        found |= {f"{_DETECTOR}{name}": values for name, values in self.closeness.items()}
        for name in self.sights:
            parts = {**self.sights[name]._asdict(), **self.around[name]._asdict()}
            found |= {f"{name}/{part}": values for part, values in parts.items()}
        return found

    @classmethod
    def of_arrays(cls, arrays: Arrays, names: Sequence[str]) -> Self:
        """Read what `arrays` wrote.

        Args:
            arrays: Written.
            names: Of the metrics.
        """
        sights = {
            name: Sight(*(arrays[f"{name}/{part}"] for part in Sight._fields)) for name in names
        }
        around = {
            name: Neighbours(*(arrays[f"{name}/{part}"] for part in Neighbours._fields))
            for name in names
        }
        closeness = {
            name.removeprefix(_DETECTOR): values
            for name, values in arrays.items()
            if name.startswith(_DETECTOR)
        }
        return cls(sights, around, closeness, arrays["flagged"], arrays["features"])


def _kept(around: Neighbours, places: NDArray[np.int64], num_images: int) -> Neighbours:
    """Keep some of the images and number them anew; ranks that nobody fills are left out."""
    numbers = np.full(num_images, -1)
    numbers[places] = np.arange(len(places))
    near = within(around, numbers >= 0)
    listed = near.indices >= 0
    filled = listed.any(0)
    found = np.where(listed, numbers[near.indices], -1)
    return Neighbours(near.distances[:, filled], found[:, filled])


def _together(lots: Sequence[Neighbours], first: Sequence[int]) -> Neighbours:
    """Find the nearest among several lots of images from those in each.

    Args:
        lots: Neighbours of the same queries.
        first: Number of the first image of each lot among all.
    """
    numbers = [
        np.where(lot.indices >= 0, lot.indices + start, -1)
        for lot, start in zip(lots, first, strict=False)
    ]
    distances = np.hstack([lot.distances for lot in lots])
    return Neighbours.ordered(distances, np.hstack(numbers), distances.shape[1])
