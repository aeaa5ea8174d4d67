"""Films that are the same radiograph, or nearly so.

Two films are near duplicates when their 8x8 difference hashes differ in at most 8 of 64 bits
and, which confirms it, their 32x32 thumbnails correlate above 0.985. The hash alone would call
many chests alike; the correlation alone would cost every pair 1,024 products.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radiographs.pixels import Pixels
from radiographs.resizing import area_mean

MAX_HASH_DISTANCE = 8
MIN_CORRELATION = 0.985
THUMBNAIL_SIDE = 32
_FILMS_AT_ONCE = 1024  # by as many: 4 MiB of correlations


class Likeness(NamedTuple):
    """What near duplicates are told by.

    Args:
        hash: 64 bits, each saying whether a cell is brighter than the one to its left.
        thumbnail: 32x32 grey values less their mean, of unit norm; zeros for a flat film.
    """

    hash: int
    thumbnail: NDArray[np.float16]


def likeness(pixels: Pixels) -> Likeness:
    """Reduce a square film to its hash and thumbnail."""
    thumbnail = area_mean(pixels, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    cells = area_mean(thumbnail, 8, 9)
    bits = np.packbits(cells[:, 1:] > cells[:, :-1])
    thumbnail -= thumbnail.mean()
    norm = np.linalg.norm(thumbnail)
    return Likeness(
        int.from_bytes(bits.tobytes(), "big"),
        (thumbnail / norm if norm > 0 else thumbnail).astype(np.float16),
    )


def near_duplicates(
    hashes: NDArray[np.uint64], thumbnails: NDArray[np.float16]
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Find every pair of near duplicates, some rows of films at a time.

    Args:
        hashes: One per film.
        thumbnails: (films, 32, 32), as `likeness` gives them.

    Yields:
        For each block of films and each later one: how many films have been begun, and
        (pairs, 2) indices, first < second; often none.
    """
    num_films = len(hashes)
    flat = thumbnails.reshape(num_films, -1)
    starts = range(0, num_films, _FILMS_AT_ONCE)
    for start in starts:
        rows = slice(start, start + _FILMS_AT_ONCE)
        these = flat[rows].astype(np.float32)
        for other in starts[start // _FILMS_AT_ONCE :]:
            columns = slice(other, other + _FILMS_AT_ONCE)
            near = np.bitwise_count(hashes[rows, None] ^ hashes[columns]) <= MAX_HASH_DISTANCE
            near &= these @ flat[columns].astype(np.float32).T > MIN_CORRELATION
            pairs = np.argwhere(np.triu(near, 1) if other == start else near)
            yield min(rows.stop, num_films), pairs + np.array([start, other])


class Groups:
    """Union-find: films joined directly or by way of others are one group."""

    def __init__(self, num_films: int) -> None:
        self._parent = list(range(num_films))

    def join(self, a: int, b: int) -> None:
        """Put two films, and all that is joined to either, in one group."""
        a, b = self._root(a), self._root(b)
        self._parent[max(a, b)] = min(a, b)

    def join_equal(self, keys: list[str] | list[str | None]) -> int:
        """Join films of equal key, where None equals nothing; return how many had a twin before."""
        first: dict[str, int] = {}
        twins = 0
        for film, key in enumerate(keys):
            if key is not None and first.setdefault(key, film) != film:
                self.join(first[key], film)
                twins += 1
        return twins

    def numbers(self) -> NDArray[np.int64]:
        """Number the groups from 0 in the order of their first films."""
        roots = [self._root(film) for film in range(len(self._parent))]
        number = {root: k for k, root in enumerate(dict.fromkeys(roots))}
        return np.array([number[root] for root in roots], dtype=np.int64)

    def _root(self, film: int) -> int:
        while self._parent[film] != film:
            self._parent[film] = self._parent[self._parent[film]]
            film = self._parent[film]
        return film
