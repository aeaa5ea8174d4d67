"""Images that belong together, directly or by way of others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
