"""The images of a set that come nearest to training images, each above the one that it is like.

They show patients. So they lie in the folder of the dataset, beside its pixels, and are deleted
with it; nothing of them is in the package.
"""

from __future__ import annotations

import shutil

import numpy as np
import structlog
from numpy.typing import NDArray

from release.data import Array
from release.package.png import png
from service.domain.errors import ArtifactsUnavailable, DatasetGone, StorageFull
from service.domain.nearest_pairs import nearest_pairs_key
from workers.generate.beside_dataset import publish_beside
from workers.generate.load import Inputs
from workers.generate.sampling import SampledSet
from workers.runtime.attempt import Attempt

log = structlog.get_logger()

NUM_PAIRS = 10
_AT_ONCE = 2_000  # training images
_GAP = 2


def keep_nearest_pairs(
    attempt: Attempt, inputs: Inputs, sampled: SampledSet, places: NDArray[np.int64]
) -> None:
    """Keep a picture of the pairs; that it cannot be kept is no reason to fail.

    Args:
        attempt: Its artifacts take the picture.
        inputs: The real images.
        sampled: The images drawn.
        places: Those of them that are in the set; nothing is kept where none is.
    """
    if not len(places):
        return
    by_pixels = sampled.neighbours.statistics[inputs.assets.metric_names[0]].closeness
    chosen = places[np.argsort(by_pixels[places], kind="stable")[:NUM_PAIRS]]
    synthetic, real = sampled.pixels[chosen], inputs.assets.splits.train.pixels
    sheet = laid_out(synthetic, real[most_alike(synthetic, real)])
    key = nearest_pairs_key(inputs.dataset, inputs.request.synthetic_set_id)
    folder = attempt.staging("nearest")
    try:
        (folder / "nearest.png").write_bytes(png(sheet))
        publish_beside(
            attempt.artifacts, attempt.records.catalog, inputs.dataset, folder / "nearest.png", key
        )
    except (ArtifactsUnavailable, DatasetGone, OSError, StorageFull) as error:
        log.warning("nearest pairs not kept", reason=str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def most_alike(images: NDArray[np.uint8], real: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Find the real image that each image correlates with most, pixel by pixel.

    Args:
        images: (n, size, size).
        real: (m, size, size), m > 0.

    Returns:
        (n,), places among the real images.
    """
    wanted = _standardised(images)
    best = np.full(len(images), -np.inf, np.float32)
    found = np.zeros(len(images), np.int64)
    for start in range(0, len(real), _AT_ONCE):
        alike = wanted @ _standardised(real[start : start + _AT_ONCE]).T  # (n, some)
        nearest = alike.argmax(axis=1)
        value = alike[np.arange(len(images)), nearest]
        nearer = value > best
        best[nearer], found[nearer] = value[nearer], start + nearest[nearer]
    return found


def laid_out(above: NDArray[np.uint8], below: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay two rows of images, (n, size, size) each, out on one picture."""
    num_images, size, _ = above.shape
    sheet = np.zeros((2 * size + _GAP, num_images * (size + _GAP) - _GAP), np.uint8)
    for column, pair in enumerate(zip(above, below, strict=True)):
        left = column * (size + _GAP)
        for row, image in enumerate(pair):
            top = row * (size + _GAP)
            sheet[top : top + size, left : left + size] = image
    return sheet


def _standardised(images: NDArray[np.uint8]) -> Array:
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    length: Array = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.maximum(length, 1e-6)
