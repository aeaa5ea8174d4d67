"""An extractor that reads each image once: real images are compared with every set of a dataset."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from release.features.classifier_training import go_on
from release.features.extractors import Extractor
from release.labelled_images import Pixels

MAX_IMAGES = 10_000  # 80 MB of 2,048 features, in single precision


class Remembered:
    """Another extractor, one image at a time, and what it said of the images seen last.

    Args:
        extractor: The other; what it reads of an image must not depend on the images beside it.
        check: Called before each image; raises to give up. It may be replaced, since an extractor
            serves one job after another.
    """

    def __init__(self, extractor: Extractor, check: Callable[[], None] = go_on) -> None:
        self.name = extractor.name
        self.digest = extractor.digest
        self.preparation = extractor.preparation
        self.check = check
        self._extractor = extractor
        self._known: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def features(self, pixels: Pixels) -> NDArray[np.float64]:
        """Read images (n, size, size) as points, (n, d)."""
        return np.stack([self._of(image) for image in pixels]).astype(np.float64)

    def _of(self, image: Pixels) -> NDArray[np.float32]:
        key = hashlib.sha256(image.tobytes()).digest()
        if key not in self._known:
            self.check()
            if len(self._known) >= MAX_IMAGES:
                self._known.popitem(last=False)
            self._known[key] = self._extractor.features(image[None])[0].astype(np.float32)
        self._known.move_to_end(key)
        return self._known[key]
