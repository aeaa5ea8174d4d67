"""Which real images lie around the images of a set, and which of the set around real ones.

One search answers both: a pair that is registered once is not registered again, whichever of its
images was asked about. T and H are listed alike, by their likeness alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from release.similarity.metric import (
    IMAGES_AT_ONCE,
    Embedded,
    Metric,
    Neighbours,
    Pairs,
    Places,
    Vectors,
    most_alike,
)


@dataclass(frozen=True, eq=False)
class Survey:
    """What lies around whom.

    Attributes:
        real: The real images nearest to each image of the set.
        part: The nearest of a part of the real images, numbered within it.
        images: The images of the set nearest to each witness.
    """

    real: Neighbours
    part: Neighbours
    images: Neighbours


def survey(
    metric: Metric,
    images: Embedded,
    real: Embedded,
    part: NDArray[np.bool_],
    witnesses: Places,
    k: int,
    num_images: int,
) -> Survey:
    """Find what lies around the images of a set, and around witnesses.

    Args:
        metric: Compares them; the images of the set are its queries throughout.
        images: Of the set.
        real: All real images.
        part: (real images,), which are searched once more by themselves.
        witnesses: Places of some real images.
        k: Neighbours of each image among all real images, and among the part.
        num_images: Neighbours of each witness.
    """
    places = np.flatnonzero(part)
    num_listed = max(k, metric.num_listed)
    of_real = np.full((len(images), num_listed), -1)
    of_part = of_real.copy()
    alike = np.full((len(witnesses), num_images), -np.inf, np.float32)
    of_images = np.full(alike.shape, -1)
    for lot in _lots(len(images)):
        likeness = metric.likeness(images.where(lot), real)
        of_real[lot] = most_alike(likeness, num_listed)
        of_part[lot] = most_alike(likeness[:, places], num_listed)
        alike, of_images = _more_alike(alike, of_images, likeness[:, witnesses], lot.start)
    real_of_part = np.where(of_part >= 0, places[of_part], -1)
    itself = np.arange(len(images))[:, None]
    lists = ((itself, of_real), (itself, real_of_part), (of_images, witnesses[:, None]))
    to_real, to_part, to_images = _distances(metric, images, real, lists)
    return Survey(
        Neighbours.ordered(to_real, of_real, k),
        Neighbours.ordered(to_part, of_part, k),
        Neighbours.ordered(to_images, of_images, num_images),
    )


def _more_alike(
    alike: Vectors, listed: Places, likeness: Vectors, first: int
) -> tuple[Vectors, Places]:
    """Keep, for each witness, the most alike of those listed and of a further lot of images."""
    found = np.concatenate([alike, likeness.T], 1)
    lot = np.broadcast_to(np.arange(first, first + len(likeness)), likeness.T.shape)
    best = most_alike(found, alike.shape[1])
    kept = np.take_along_axis(np.concatenate([listed, lot], 1), best, 1)
    return (
        np.where(best >= 0, np.take_along_axis(found, best, 1), -np.inf),
        np.where(best >= 0, kept, -1),
    )


def _distances(
    metric: Metric, images: Embedded, real: Embedded, lists: Sequence[tuple[Places, Places]]
) -> list[Vectors]:
    """Find the distances of all pairs on some lists, each pair once; infinite where nobody is."""
    asked = [
        np.where((ours >= 0) & (theirs >= 0), ours * len(real) + theirs, -1)
        for ours, theirs in lists
    ]
    pairs, where = np.unique(np.concatenate([each.ravel() for each in asked]), return_inverse=True)
    ours, theirs = np.divmod(pairs, len(real))
    found = np.full(len(pairs), np.inf, np.float32)
    for lot in _lots(len(images)):
        some = slice(*np.searchsorted(ours, (lot.start, lot.stop)))
        found[some] = metric.distances(
            images.where(lot), real, Pairs(ours[some] - lot.start, theirs[some])
        )
    ends = np.cumsum([each.size for each in asked])[:-1]
    return [
        part.reshape(each.shape)
        for part, each in zip(np.split(found[where], ends), asked, strict=True)
    ]


def _lots(num_images: int) -> Iterator[slice]:
    return (slice(start, start + IMAGES_AT_ONCE) for start in range(0, num_images, IMAGES_AT_ONCE))
