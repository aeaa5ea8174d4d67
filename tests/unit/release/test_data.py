from __future__ import annotations

import numpy as np
import pytest

from release.data import LabelledImages

IMAGES = LabelledImages(
    np.arange(3, dtype=np.uint8).reshape(3, 1, 1), np.array([0, 1, 0]), np.array([5, 6, 7])
)


def test_images_are_chosen_with_their_labels_and_patients() -> None:
    chosen = IMAGES.where(IMAGES.labels == 0)
    assert len(chosen) == 2
    assert chosen.pixels.ravel().tolist() == [0, 2]
    assert chosen.patients.tolist() == [5, 7]


def test_every_image_needs_a_label_and_a_patient() -> None:
    with pytest.raises(ValueError, match="one label and one patient"):
        LabelledImages(IMAGES.pixels, IMAGES.labels[:2], IMAGES.patients)
