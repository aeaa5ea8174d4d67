"""The images of a set among the real images, and the real images among those of the set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from release.array_cache import Arrays
from release.cancellation import check_cancelled
from release.data import Array
from release.gate.attack_scores import MIN_NEIGHBOURS
from release.gate.calibration import Closeness
from release.gate.density_attack import Thumbnails
from release.similarity.knn import Neighbours, Places, Vectors, top_k
from release.similarity.metric import IMAGES_AT_ONCE, Embedded, Metric, Pairs

_DETECTOR = "closeness/"  # begins the names of its arrays


class ImageStatistics(NamedTuple):
    """Where n images lie among the real images, by one metric.

    Attributes:
        closeness: (n,), distance to the nearest training image, in units of the mean distance to
            the ten nearest real images; copies come near 0.
        density: (n,), mean distance to the nearest holdout images.
        closeness_to_real: (n,), distance to the nearest real image, in units of the mean distance
            to the nearest ones.
        nearest_patient: (n,), patient of the nearest real image.
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
    def concatenated(cls, parts: Sequence[Self]) -> Self:
        """Join several batches of images."""
        return cls(
            np.concatenate([part.closeness for part in parts]),
            np.concatenate([part.density for part in parts]),
            np.concatenate([part.closeness_to_real for part in parts]),
            np.concatenate([part.nearest_patient for part in parts]),
        )


@dataclass(frozen=True, eq=False)
class SetNeighbours:
    """The images of a set, compared with the real images by all metrics.

    Attributes:
        statistics: By metric: where each image lies among the real ones.
        of_representatives: By metric: the images nearest to each patient's representative.
        closeness: By detector: (n,), how near the training images are; copies come near 0.
        flagged: (n,), images that are taken for copies.
        thumbnails: (n, pixels), the images as the density attacks see them.
    """

    statistics: Mapping[str, ImageStatistics]
    of_representatives: Mapping[str, Neighbours]
    closeness: Closeness
    flagged: NDArray[np.bool_]
    thumbnails: Thumbnails

    def __len__(self) -> int:
        return len(self.flagged)

    @classmethod
    def concatenated(cls, parts: Sequence[Self]) -> Self:
        """Join several batches of images into one set, in their order."""
        metrics, detectors = parts[0].statistics, parts[0].closeness
        first = np.cumsum([0, *map(len, parts)]).tolist()
        return cls(
            {
                name: ImageStatistics.concatenated([part.statistics[name] for part in parts])
                for name in metrics
            },
            {
                name: _merged([part.of_representatives[name] for part in parts], first)
                for name in metrics
            },
            {name: np.concatenate([part.closeness[name] for part in parts]) for name in detectors},
            np.concatenate([part.flagged for part in parts]),
            np.concatenate([part.thumbnails for part in parts]),
        )

    @property
    def is_complete(self) -> bool:
        """Whether as many images are listed around every representative as the attacks need."""
        needed = min(MIN_NEIGHBOURS, len(self))
        return all(near.num_common >= needed for near in self.of_representatives.values())

    def where(self, places: Sequence[int] | NDArray[np.int64]) -> SetNeighbours:
        """Keep some of the images; around a representative those of the listed that are kept."""
        kept = np.asarray(places, np.int64)
        return SetNeighbours(
            {name: each.where(kept) for name, each in self.statistics.items()},
            {
                name: _renumbered(near, kept, len(self))
                for name, near in self.of_representatives.items()
            },
            {name: values[kept] for name, values in self.closeness.items()},
            self.flagged[kept],
            self.thumbnails[kept],
        )

    def arrays(self) -> Arrays:
        """Write all of it as arrays."""
        found: dict[str, NDArray[Any]] = {"flagged": self.flagged, "thumbnails": self.thumbnails}
        found |= {f"{_DETECTOR}{name}": values for name, values in self.closeness.items()}
        for name in self.statistics:
            parts = {**self.statistics[name]._asdict(), **self.of_representatives[name]._asdict()}
            found |= {f"{name}/{part}": values for part, values in parts.items()}
        return found

    @classmethod
    def of_arrays(cls, arrays: Arrays, metrics: Sequence[str]) -> Self:
        """Read what `arrays` wrote.

        Args:
            arrays: Written.
            metrics: Names of the metrics.
        """

        def read(name: str, fields: Sequence[str]) -> Iterator[NDArray[Any]]:
            return (arrays[f"{name}/{field}"] for field in fields)

        return cls(
            {name: ImageStatistics(*read(name, ImageStatistics._fields)) for name in metrics},
            {name: Neighbours(*read(name, Neighbours._fields)) for name in metrics},
            {
                name.removeprefix(_DETECTOR): values
                for name, values in arrays.items()
                if name.startswith(_DETECTOR)
            },
            arrays["flagged"],
            arrays["thumbnails"],
        )


def _renumbered(near: Neighbours, places: NDArray[np.int64], num_images: int) -> Neighbours:
    """Keep some of the images and number them anew; ranks that nobody fills are left out."""
    numbers = np.full(num_images, -1)
    numbers[places] = np.arange(len(places))
    near = near.among(numbers >= 0)
    listed = near.indices >= 0
    filled = listed.any(0)
    found = np.where(listed, numbers[near.indices], -1)
    return Neighbours(near.distances[:, filled], found[:, filled])


def _merged(batches: Sequence[Neighbours], first: Sequence[int]) -> Neighbours:
    """Find the nearest among several batches of images from those in each.

    Args:
        batches: Neighbours of the same queries.
        first: Number of the first image of each batch among all.
    """
    numbers = [
        np.where(batch.indices >= 0, batch.indices + start, -1)
        for batch, start in zip(batches, first, strict=False)
    ]
    distances = np.hstack([batch.distances for batch in batches])
    return Neighbours.ordered(distances, np.hstack(numbers), distances.shape[1])


class BothWays(NamedTuple):
    """Nearest neighbours between the images of a set and real images.

    Attributes:
        real: The real images nearest to each image of the set.
        holdout: The nearest holdout images, numbered among these.
        of_representatives: The images of the set nearest to each representative.
    """

    real: Neighbours
    holdout: Neighbours
    of_representatives: Neighbours


def search_both_ways(
    metric: Metric,
    images: Embedded,
    real: Embedded,
    is_holdout: NDArray[np.bool_],
    representatives: Places,
    k: int,
    num_images: int,
) -> BothWays:
    """Find the real images around those of a set, and those of the set around representatives.

    One search answers both: no pair is compared twice. Training and holdout images are candidates
    by their similarity alone.

    Args:
        metric: Compares them; the images of the set are its queries throughout.
        images: Of the set.
        real: All real images.
        is_holdout: (real images,), which are searched once more by themselves.
        representatives: Places of some real images.
        k: Neighbours of each image among all real images, and among the holdout.
        num_images: Neighbours of each representative.
    """
    holdout = np.flatnonzero(is_holdout)
    num_candidates = max(k, metric.num_candidates)
    of_real = np.full((len(images), num_candidates), -1)
    of_holdout = of_real.copy()
    most_similar = np.full((len(representatives), num_images), -np.inf, np.float32)
    of_images = np.full(most_similar.shape, -1)
    for batch in _batches(len(images)):
        check_cancelled()
        similarity = metric.similarity(images.where(batch), real)
        of_real[batch] = top_k(similarity, num_candidates)
        of_holdout[batch] = top_k(similarity[:, holdout], num_candidates)
        most_similar, of_images = _updated(
            most_similar, of_images, similarity[:, representatives], batch.start
        )
    real_of_holdout = np.where(of_holdout >= 0, holdout[of_holdout], -1)
    itself = np.arange(len(images))[:, None]
    lists = (
        (itself, of_real),
        (itself, real_of_holdout),
        (of_images, representatives[:, None]),
    )
    to_real, to_holdout, to_images = _distances(metric, images, real, lists)
    return BothWays(
        Neighbours.ordered(to_real, of_real, k).checked(),
        Neighbours.ordered(to_holdout, of_holdout, k).checked(),
        Neighbours.ordered(to_images, of_images, num_images).checked(),
    )


def _updated(
    most_similar: Vectors, listed: Places, similarity: Vectors, first: int
) -> tuple[Vectors, Places]:
    """Keep, for each representative, the most similar of those listed and of a further batch."""
    found = np.concatenate([most_similar, similarity.T], 1)
    batch = np.broadcast_to(np.arange(first, first + len(similarity)), similarity.T.shape)
    best = top_k(found, most_similar.shape[1])
    kept = np.take_along_axis(np.concatenate([listed, batch], 1), best, 1)
    return (
        np.where(best >= 0, np.take_along_axis(found, best, 1), -np.inf),
        np.where(best >= 0, kept, -1),
    )


def _distances(
    metric: Metric, images: Embedded, real: Embedded, lists: Sequence[tuple[Places, Places]]
) -> list[Vectors]:
    """Find the distances of all pairs on some lists, each pair once; infinite where none is."""
    asked = [
        np.where((ours >= 0) & (theirs >= 0), ours * len(real) + theirs, -1)
        for ours, theirs in lists
    ]
    pairs, where = np.unique(np.concatenate([each.ravel() for each in asked]), return_inverse=True)
    ours, theirs = np.divmod(pairs, len(real))
    found = np.full(len(pairs), np.inf, np.float32)
    for batch in _batches(len(images)):
        check_cancelled()
        some = slice(*np.searchsorted(ours, (batch.start, batch.stop)))
        found[some] = metric.distances(
            images.where(batch), real, Pairs(ours[some] - batch.start, theirs[some])
        )
    ends = np.cumsum([each.size for each in asked])[:-1]
    return [
        part.reshape(each.shape)
        for part, each in zip(np.split(found[where], ends), asked, strict=True)
    ]


def _batches(num_images: int) -> Iterator[slice]:
    return (slice(first, first + IMAGES_AT_ONCE) for first in range(0, num_images, IMAGES_AT_ONCE))
