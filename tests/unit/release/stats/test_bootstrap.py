from __future__ import annotations

import numpy as np

from release.stats.bootstrap import patient_replicates

LABELS = np.array([0, 0, 0, 0, 1, 1, 1])
PATIENTS = np.array([7, 7, 3, 5, 1, 2, 2])


def test_images_of_one_patient_come_and_go_together() -> None:
    counts = patient_replicates(LABELS, PATIENTS, np.random.default_rng(0))
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 5] == counts[:, 6]).all()


def test_every_class_keeps_its_number_of_patients() -> None:
    counts = patient_replicates(LABELS, PATIENTS, np.random.default_rng(0))
    assert (counts[:, [0, 2, 3]].sum(1) == 3).all()
    assert (counts[:, [4, 5]].sum(1) == 2).all()


def test_every_image_is_drawn_once_on_average() -> None:
    counts = patient_replicates(LABELS, PATIENTS, np.random.default_rng(0), 20_000)
    np.testing.assert_allclose(counts.mean(0), 1, atol=0.03)
