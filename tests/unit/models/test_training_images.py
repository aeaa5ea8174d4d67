"""From stored pixels to batches."""

import numpy as np
import pytest
import torch

from models.training_images import TrainingImages


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535)])
def test_black_is_minus_one_and_white_is_one(dtype, white):
    pixels = np.array([[[0, white]]], dtype)
    image = TrainingImages(pixels, np.zeros(1, np.int64)).read(torch.tensor([0]))
    assert image.shape == (1, 1, 1, 2)
    assert image.flatten().tolist() == [-1.0, 1.0]


def test_classes_are_drawn_by_the_square_root_of_their_size():
    labels = np.repeat([0, 1], [900, 100])
    images = TrainingImages(np.zeros((1000, 1, 1), np.uint8), labels)
    torch.manual_seed(0)
    drawn = images.labels[images.draw(20_000)]
    # sqrt(900) : sqrt(100) = 3 : 1
    assert (drawn == 0).float().mean().item() == pytest.approx(0.75, abs=0.02)


def test_every_class_needs_an_image():
    with pytest.raises(AssertionError, match="every class"):
        TrainingImages(np.zeros((1, 1, 1), np.uint8), np.array([1]))


def test_reading_in_order_meets_every_image_once():
    images = TrainingImages(np.zeros((7, 1, 1), np.uint8), np.zeros(7, np.int64))
    assert [indices.tolist() for indices in images.in_order(3)] == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_few_images_are_of_every_class_and_look_the_same(dtype):
    pixels = np.arange(1000, dtype=dtype).reshape(-1, 1, 1)
    images = TrainingImages(pixels, np.repeat([1, 0], [950, 50]))
    few = images.few(100)
    assert few.labels.bincount().tolist() == [8, 95]
    assert torch.equal(few.read(torch.tensor([8])), images.read(torch.tensor([0])))
    assert len(images.few(5)) == 16
    assert len(images.few(5000)) == 1000
