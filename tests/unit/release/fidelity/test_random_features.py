"""By random features worse images lie farther from real ones, the farther the worse they are."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from radiographs.phantom import draw
from release.data import Pixels
from release.fidelity.kid import Sample, kid
from release.fidelity.random_features import random_features


@cache
def phantoms(first: int, num_images: int, label: str = "normal", size: int = 64) -> Pixels:
    indices = range(first, first + num_images)
    return np.stack([draw(label, seed=0, index=index, size=size).pixels for index in indices])


def distance(images: Pixels, reference: Pixels) -> float:
    known = random_features(reference)
    mean, scale = known.mean(0), known.std(0) + 1e-6
    found = (
        Sample((random_features(each) - mean) / scale, np.arange(len(each)))
        for each in (images, reference)
    )
    x, y = found
    return kid([x], [y], np.random.default_rng(0)).value


@pytest.mark.parametrize(
    "spoil",
    [
        lambda images, amount: gaussian_filter(images, (0, 2 * amount, 2 * amount)),
        lambda images, amount: (
            images + np.random.default_rng(0).normal(0, 30 * amount, images.shape)
        ),
        lambda images, amount: (images - 128.0) * (1 - 0.6 * amount) + 128,
    ],
    ids=["blur", "noise", "little contrast"],
)
def test_spoilt_images_lie_the_farther_the_more_they_are_spoilt(
    spoil: Callable[[NDArray[np.float64], float], NDArray[np.float64]],
) -> None:
    fresh, reference = phantoms(0, 40), phantoms(100, 80)
    distances = [
        distance(spoil(fresh.astype(float), amount).clip(0, 255).astype(np.uint8), reference)
        for amount in (0.25, 0.5, 1.0)
    ]
    honest = distance(fresh, reference)
    assert honest < distances[0] < distances[1] < distances[2]


def test_larger_images_are_seen_at_64_px_and_one_batch_is_as_good_as_two() -> None:
    images = phantoms(0, 70)
    found = random_features(images)
    assert found.shape == (70, 576)
    np.testing.assert_allclose(random_features(images[64:]), found[64:], rtol=1e-5, atol=1e-6)
    larger = images.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(random_features(larger), found, rtol=1e-5, atol=1e-6)
