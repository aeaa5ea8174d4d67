"""Which pairs of images may show one radiograph: cheap enough to be asked of every pair.

Chests are alike in most of what their outlines say. So the outlines are whitened first: what all
images of a set share or vary in together counts little, what is one image's own counts much
(Jegou and Chum 2012, doi:10.1007/978-3-642-33709-3_55). Then a pair costs two products of 216
numbers, one as it is and one mirrored, and each image's most alike partners are looked at closer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radiographs.duplicates.outlines import Outlines, mirrored

PARTNERS = 8  # of an image are listed
_RIDGE = 0.03  # mean variances added to each variance: directions without any are not raised
_ROWS_AT_ONCE = 256
_COLUMNS_AT_ONCE = 8192
_IMAGES_AT_ONCE = 4096


class ImagePairs(NamedTuple):
    """Pairs of images, and whether one of the two is mirrored."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    mirrored: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_] | slice) -> ImagePairs:
        """Choose some of the pairs."""
        return ImagePairs(self.first[chosen], self.second[chosen], self.mirrored[chosen])

    def swapped(self, which: NDArray[np.bool_]) -> ImagePairs:
        """Exchange the images of some of the pairs."""
        one, other = self.first, self.second
        first, second = np.where(which, other, one), np.where(which, one, other)
        return ImagePairs(first, second, self.mirrored)


def shortlist(outlines: Outlines, num_asked: int) -> Iterator[tuple[int, ImagePairs]]:
    """List for each of the first images those that it is most alike.

    Args:
        outlines: Of all images.
        num_asked: How many images, the first ones, are compared with all.

    Yields:
        How many of these have been begun, and the pairs found; each once, first asked.
    """
    as_is, as_mirrored = _whitened(outlines)
    num_partners = min(PARTNERS, len(outlines) - 1)
    partners = np.full((num_asked, num_partners), -1)
    for start in range(0, num_asked, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, num_asked)
        found, turned = _partners(as_is, as_mirrored, start, stop, num_partners)
        partners[start:stop] = found
        first = np.repeat(np.arange(start, stop), num_partners)
        pairs = ImagePairs(first, found.ravel(), turned.ravel())
        yield stop, pairs.where(~_listed_before(pairs, partners))


def _whitened(outlines: Outlines) -> tuple[Outlines, Outlines]:
    """Whiten outlines, as they are and mirrored, and bring them to unit norm."""
    both = outlines, mirrored(outlines)
    centre = np.mean([side.mean(axis=0, dtype=np.float64) for side in both], axis=0)
    covariance = np.zeros((len(centre), len(centre)))
    for side in both:
        for start in range(0, len(side), _IMAGES_AT_ONCE):
            offsets = side[start : start + _IMAGES_AT_ONCE] - centre
            covariance += offsets.T @ offsets / (2 * len(side))
    variances, directions = np.linalg.eigh(covariance)
    spread = np.sqrt(variances.clip(0) + _RIDGE * variances.mean() + 1e-12)
    axes = (directions / spread).astype(np.float32)
    one, other = ((side - centre.astype(np.float32)) @ axes for side in both)
    return _of_unit_norm(one), _of_unit_norm(other)


def _of_unit_norm(vectors: Outlines) -> Outlines:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True) + np.float32(1e-6)
    return np.asarray(vectors / norms, np.float32)


def _partners(
    as_is: Outlines, as_mirrored: Outlines, start: int, stop: int, num_partners: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Find the images that each row is most alike, and whether mirrored: (rows, num_partners)."""
    rows = np.arange(start, stop)[:, None]
    listed = []
    for left in range(0, len(as_is), _COLUMNS_AT_ONCE):
        columns = slice(left, left + _COLUMNS_AT_ONCE)
        alike = as_is[start:stop] @ as_is[columns].T
        alike_mirrored = as_is[start:stop] @ as_mirrored[columns].T
        turned = alike_mirrored > alike
        np.maximum(alike, alike_mirrored, out=alike)
        own = rows[(rows >= left) & (rows < left + alike.shape[1])]
        alike[own - start, own - left] = -2
        num = min(num_partners, alike.shape[1])
        best = np.argpartition(-alike, num - 1, axis=1)[:, :num]
        listed.append(
            [np.take_along_axis(x, best, axis=1) for x in (alike, turned)] + [best + left]
        )
    alike, turned, found = (np.concatenate(part, axis=1) for part in zip(*listed, strict=True))
    best = np.argsort(-alike, axis=1, kind="stable")[:, :num_partners]
    return np.take_along_axis(found, best, axis=1), np.take_along_axis(turned, best, axis=1)


def _listed_before(pairs: ImagePairs, partners: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Say which pairs the second image has listed already."""
    seconds = np.minimum(pairs.second, len(partners) - 1)
    theirs = (partners[seconds] == pairs.first[:, None]).any(axis=1)
    listed: NDArray[np.bool_] = theirs & (pairs.second < pairs.first)
    return listed
