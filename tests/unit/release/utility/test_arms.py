from __future__ import annotations

import numpy as np
import pytest
import torch

from release.data import LabelledImages
from release.utility.arms import (
    OVERSAMPLED,
    REAL,
    WEIGHTED,
    Arm,
    even_arm,
    mixed_arm,
    real_arms,
    together,
)


def images(*counts: int, first_patient: int = 0) -> LabelledImages:
    labels = np.repeat(np.arange(len(counts)), counts)
    patients = first_patient + np.arange(len(labels)) // 2
    return LabelledImages(np.zeros((len(labels), 2, 2), np.uint8), labels, patients)


def share_of(arm: Arm, chosen: np.ndarray) -> float:
    return float(arm.chances[torch.from_numpy(chosen)].sum() / arm.chances.sum())


def test_only_oversampling_changes_how_often_a_class_is_drawn() -> None:
    arms = real_arms(images(100, 20))
    found = {name: share_of(arm, arm.images.labels == 1) for name, arm in arms.items()}
    expected = {REAL: 20 / 120, WEIGHTED: 20 / 120, OVERSAMPLED: 0.5}
    assert found == pytest.approx(expected)


def test_half_of_every_class_is_synthetic_where_there_are_synthetic_images() -> None:
    arm = mixed_arm(images(100, 20, 6), images(10, 30), share=0.5)
    is_synthetic = np.arange(166) >= 126
    for label, expected in enumerate([0.5, 0.5, 0.0]):
        of_class = arm.images.labels == label
        assert share_of(arm, of_class) == pytest.approx(1 / 3)
        assert share_of(arm, of_class & is_synthetic) == pytest.approx(expected / 3)


def test_no_share_of_synthetic_images_is_oversampling() -> None:
    real = images(100, 20)
    arm = mixed_arm(real, images(3, 4), share=0.0)
    torch.testing.assert_close(arm.chances[:120], even_arm(real).chances)
    assert (arm.chances[120:] == 0).all()


def test_two_sets_together_share_no_patient() -> None:
    found = together(images(4, 4), images(4, 4))
    assert len(np.unique(found.patients)) == 8
