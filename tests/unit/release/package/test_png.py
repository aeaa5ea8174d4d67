from __future__ import annotations

import io

import numpy as np
from PIL import Image

from release.package.png import png


def test_png_keeps_every_pixel() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(image)))), image)
