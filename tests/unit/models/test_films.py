"""From stored pixels to batches."""

import numpy as np
import pytest
import torch

from models.films import Films


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535)])
def test_black_is_minus_one_and_white_is_one(dtype, white):
    pixels = np.array([[[0, white]]], dtype)
    image = Films(pixels, np.zeros(1, np.int64)).images(torch.tensor([0]))
    assert image.shape == (1, 1, 1, 2)
    assert image.flatten().tolist() == [-1.0, 1.0]


def test_classes_are_drawn_by_the_square_root_of_their_size():
    labels = np.repeat([0, 1], [900, 100])
    films = Films(np.zeros((1000, 1, 1), np.uint8), labels)
    torch.manual_seed(0)
    drawn = films.labels[films.draw(20_000)]
    # sqrt(900) : sqrt(100) = 3 : 1
    assert (drawn == 0).float().mean().item() == pytest.approx(0.75, abs=0.02)


def test_every_class_needs_a_film():
    with pytest.raises(AssertionError, match="every class"):
        Films(np.zeros((1, 1, 1), np.uint8), np.array([1]))


def test_reading_in_order_meets_every_film_once():
    films = Films(np.zeros((7, 1, 1), np.uint8), np.zeros(7, np.int64))
    assert [indices.tolist() for indices in films.in_order(3)] == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_few_films_are_of_every_class_and_look_the_same(dtype):
    pixels = np.arange(1000, dtype=dtype).reshape(-1, 1, 1)
    films = Films(pixels, np.repeat([1, 0], [950, 50]))
    few = films.few(100)
    assert few.labels.bincount().tolist() == [8, 95]
    assert torch.equal(few.images(torch.tensor([8])), films.images(torch.tensor([0])))
    assert len(films.few(5)) == 16
    assert len(films.few(5000)) == 1000
