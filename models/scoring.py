"""From pixels to how likely a model finds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.family import Family
from models.training_images import as_images

IMAGES_AT_ONCE = 16

Scores = NDArray[np.float64]


def scores_by_class(model: Family[Any, Any], pixels: NDArray[np.uint8]) -> Iterator[Scores]:
    """Score images, (n, h, w), as ones of every class; yields (b, num_classes), in order."""
    for some in _batches(len(pixels)):
        columns = [
            _scores(model, pixels[some], np.full(len(pixels[some]), label))
            for label in range(model.spec.num_classes)
        ]
        yield np.stack(columns, 1)


def scores_by_label(
    model: Family[Any, Any], pixels: NDArray[np.uint8], labels: NDArray[np.int64]
) -> Iterator[Scores]:
    """Score images, (n, h, w), each as one of its own class (n,); yields (b,), in order."""
    for some in _batches(len(pixels)):
        yield _scores(model, pixels[some], labels[some])


def _batches(num_images: int) -> Iterator[slice]:
    for start in range(0, num_images, IMAGES_AT_ONCE):
        yield slice(start, start + IMAGES_AT_ONCE)


def _scores(
    model: Family[Any, Any], pixels: NDArray[np.uint8], labels: NDArray[np.int64]
) -> Scores:
    """Score images of one batch, which is filled up to its full size.

    So the kernels that a device chooses do not depend on how many images there are.
    """
    places = np.minimum(np.arange(IMAGES_AT_ONCE), len(pixels) - 1)
    device = next(model.parameters()).device
    classes = torch.from_numpy(labels[places].astype(np.int64)).to(device)
    with torch.inference_mode():
        found = model.likelihood_score(as_images(pixels[places], device), classes)
    assert found is not None, "only models that have a score are asked for one"
    scores: Scores = found.double().cpu().numpy()
    return scores[: len(pixels)]
