"""An extractor that reads each image once: real images are compared with every set of a dataset."""

from __future__ import annotations

import hashlib

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from release.cancellation import check_cancelled
from release.data import Pixels
from release.features.extractors import Extractor

MAX_IMAGES = 10_000  # 80 MB of 2,048 features, in single precision


class CachedExtractor:
    """Another extractor, one image at a time, and what it said of the images seen last.

    Args:
        extractor: The other; what it reads of an image must not depend on the images beside it.
    """

    def __init__(self, extractor: Extractor) -> None:
        self.name = extractor.name
        self.digest = extractor.digest
        self.preparation = extractor.preparation
        self._extractor = extractor
        self._cache: LRUCache[bytes, NDArray[np.float32]] = LRUCache(MAX_IMAGES)

    def features(self, pixels: Pixels) -> NDArray[np.float64]:
        """Read images (n, size, size) as points, (n, d)."""
        return np.stack([self._of(image) for image in pixels]).astype(np.float64)

    def _of(self, image: Pixels) -> NDArray[np.float32]:
        key = hashlib.sha256(image.tobytes()).digest()
        found = self._cache.get(key)
        if found is None:
            check_cancelled()
            found = self._extractor.features(image[None])[0].astype(np.float32)
            self._cache[key] = found
        return found
