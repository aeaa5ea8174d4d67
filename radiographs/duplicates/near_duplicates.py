"""Images that are the same radiograph, or nearly so.

Found also where one of the two was cropped, framed, shifted, zoomed, inverted, equalised, marked
or saved otherwise. Three steps, each for a tenth of the pairs of the one before:

    shortlist   every pair: the most alike through several windows (`shortlist`)
    tangents    a shortlisted pair: how alike after small shifts, zooms and turns, to first order
    agreement   the best two of an image: laid over each other and compared part by part
                (`registration`)

Two radiographs of one patient taken alike are found as well, which is as it should be: what is
held out must not be trained on. A mirrored image is another image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from radiographs.duplicates.descriptor import Descriptor
from radiographs.duplicates.registration import agreement, between_windows, register
from radiographs.duplicates.shortlist import (
    CELLS,
    POSES,
    Pairs,
    Views,
    local_contrast,
    shortlist,
    views_of,
)
from radiographs.store.resizing import block_mean

MIN_AGREEMENT = 0.92
_MIN_TANGENT = 0.84
_SURELY_ALIKE = 0.95
_REGISTERED = 2  # pairs of an image, and all that are surely alike
# pixels to one, deviation of the local contrast, steps, agreement needed
_STAGES = ((2, 0.104, 3, 0.91), (1, 0.0625, 3, MIN_AGREEMENT))
_PAIRS_AT_ONCE = 128


def near_duplicates(
    descriptors: Descriptor, num_asked: int | None = None
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Find the pairs of near-duplicates, some rows of images at a time.

    Args:
        descriptors: (n, SIDE, SIDE), of images that are not equal.
        num_asked: How many of them are asked about, the first ones: pairs among the others are
            not looked for. All, if None.

    Yields:
        How many images have been begun, and (pairs, 2) indices, first < second; often none. Of
        many copies of one image not all pairs are named, but enough to join them.
    """
    views = views_of(descriptors)
    asked = len(descriptors) if num_asked is None else num_asked
    for num_seen, listed in shortlist(views, asked):
        pairs, sign = _best_of_each(views, listed)
        found = [
            _confirmed(descriptors, pairs.where(some), sign[some]) for some in _lots(len(sign))
        ]
        yield num_seen, np.concatenate(found) if found else np.empty((0, 2), np.intp)


def _best_of_each(views: Views, pairs: Pairs) -> tuple[Pairs, NDArray[np.float32]]:
    """Choose the pairs to register, and the sign of each one's correlation."""
    alike = np.zeros(len(pairs.pose), np.float32)
    sign = np.ones(len(pairs.pose), np.float32)
    for number, (one, other) in enumerate(POSES):
        of_pose = np.flatnonzero(pairs.pose == number)
        first = views[one][pairs.first[of_pose]].astype(np.float32)
        second = views[other][pairs.second[of_pose]].astype(np.float32)
        alike[of_pose] = _alike_to_first_order(first, second)
        sign[of_pose] = np.where((first * second).sum(axis=1) < 0, -1, 1)
    order = np.lexsort((-alike, pairs.first))
    _, starts, counts = np.unique(pairs.first[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(starts, counts)
    chosen = order[
        ((rank < _REGISTERED) & (alike[order] > _MIN_TANGENT)) | (alike[order] > _SURELY_ALIKE)
    ]
    return pairs.where(chosen), sign[chosen]


def _alike_to_first_order(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Correlate views after the small affine change of the second that helps most.

    The share of the first that lies in the space of the second and its derivatives (tangent
    distance: Simard et al. 1998).

    Args:
        first: (n, CELLS * CELLS), of unit norm.
        second: The same.
    """
    cells = second.reshape(len(second), CELLS, CELLS)
    down, across = np.gradient(cells, axis=1), np.gradient(cells, axis=2)
    at = np.linspace(-1, 1, CELLS, dtype=np.float32)
    y, x = at[:, None], at
    space = np.stack(
        [cells, down, across, down * y, across * x, down * x, across * y], axis=1
    ).reshape(len(cells), 7, CELLS**2)
    products = space @ space.transpose(0, 2, 1)
    products += np.float32(1e-4) * np.eye(7, dtype=np.float32)
    shares = space @ first[:, :, None]
    inside = (shares * np.linalg.solve(products, shares)).sum(axis=(1, 2))
    alike: NDArray[np.float32] = np.sqrt(inside.clip(0, 1))
    return alike


def _confirmed(
    descriptors: Descriptor, pairs: Pairs, sign: NDArray[np.float32]
) -> NDArray[np.intp]:
    """Register pairs, at half the side first; return those that agree."""
    maps = between_windows(pairs.pose)
    for factor, sigma, num_steps, needed in _STAGES:
        first, second = (
            block_mean(local_contrast(descriptors[images], sigma), factor)
            for images in (pairs.first, pairs.second)
        )
        maps = register(first, second, sign, maps, num_steps)
        agree = agreement(first, second, sign, maps) >= needed
        pairs, sign, maps = pairs.where(agree), sign[agree], maps[agree]
    return np.stack([pairs.first, pairs.second], axis=1)


def _lots(num: int) -> Iterator[slice]:
    for start in range(0, num, _PAIRS_AT_ONCE):
        yield slice(start, start + _PAIRS_AT_ONCE)


class Groups:
    """Union-find: images joined directly or by way of others are one group."""

    def __init__(self, num_images: int) -> None:
        self._parent = list(range(num_images))

    def join(self, a: int, b: int) -> None:
        """Put two images, and all that is joined to either, in one group."""
        a, b = self._root(a), self._root(b)
        self._parent[max(a, b)] = min(a, b)

    def join_equal(self, keys: Sequence[str | bytes | None]) -> int:
        """Join images of equal key (None equals nothing); return how many had a twin before."""
        first: dict[str | bytes, int] = {}
        twins = 0
        for image, key in enumerate(keys):
            if key is not None and first.setdefault(key, image) != image:
                self.join(first[key], image)
                twins += 1
        return twins

    def numbers(self) -> NDArray[np.int64]:
        """Number the groups from 0 in the order of their first images."""
        roots = [self._root(image) for image in range(len(self._parent))]
        number = {root: k for k, root in enumerate(dict.fromkeys(roots))}
        return np.array([number[root] for root in roots], dtype=np.int64)

    def _root(self, image: int) -> int:
        while self._parent[image] != image:
            self._parent[image] = self._parent[self._parent[image]]
            image = self._parent[image]
        return image
