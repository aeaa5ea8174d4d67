import numpy as np
import torch

from models.privacy.patients import Patients
from models.training_images import TrainingImages


def test_one_image_of_each_patient_is_read_the_first():
    pixels = np.arange(5, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(2, 2)
    patients = Patients(pixels, np.array([0, 1, 1, 0, 2]), np.array([7, 3, 7, 3, 9]))
    assert len(patients) == 3
    [(images, labels)] = patients.batches(8)
    assert sorted(zip(images[:, 0, 0, 0].tolist(), labels.tolist(), strict=True)) == [
        (-1.0, 0),
        (float(torch.tensor(1 * 2 / 255 - 1)), 1),
        (float(torch.tensor(4 * 2 / 255 - 1)), 2),
    ]


def test_they_are_the_images_that_training_sees():
    pixels = np.random.default_rng(0).integers(0, 1 << 16, (6, 4, 4)).astype(np.uint16)
    labels = np.arange(6) % 2
    images, patients = TrainingImages(pixels, labels), Patients(pixels, labels, np.arange(6))
    batch = torch.cat([batch for batch, _ in patients.batches(4)])
    torch.testing.assert_close(batch, images.read(torch.arange(6)))
