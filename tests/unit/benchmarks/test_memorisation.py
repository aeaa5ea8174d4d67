from __future__ import annotations

import numpy as np
import pytest

from benchmarks.evaluation.memorisation import closeness
from benchmarks.evaluation.real_images import RealImages


def test_a_shifted_noisy_copy_stands_closer_than_any_held_out_image(images: RealImages) -> None:
    rng = np.random.default_rng(0)
    training = images.training.pixels
    copies = np.roll(training[:20], 1, 2).astype(float) + rng.normal(0, 3, (20, 32, 32))
    found = closeness(copies.clip(0, 255).astype(np.uint8), training)
    assert found.max() < closeness(images.held_out.pixels, training).min()


def test_the_mean_image_is_no_copy(images: RealImages) -> None:
    """It correlates well with every image, so only the images around the nearest one matter."""
    training = images.training.pixels
    mean = training.mean(0, keepdims=True).astype(np.uint8)
    assert closeness(mean, training)[0] > 0.5


def test_brightness_and_contrast_do_not_hide_a_copy(images: RealImages) -> None:
    training = images.training.pixels
    paler = (training[:5] * 0.5 + 60).astype(np.uint8)
    assert closeness(paler, training).max() < 0.1


def test_sizes_that_do_not_divide_are_refused() -> None:
    images = np.zeros((3, 48, 48), np.uint8)
    with pytest.raises(ValueError, match="48 px"):
        closeness(images, images)
