"""Cosine components against their definition."""

import numpy as np
import pytest
import scipy.fft
import torch

from models.families.gan.jittered_components import CosineComponents


@pytest.fixture
def images():
    return torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_components_are_the_lowest_coefficients_of_the_cosine_transform(images):
    transformed = scipy.fft.dctn(images[:, 0].double().numpy(), axes=(1, 2), norm="ortho") / 16
    expected = transformed[:, [0, 0, 1, 1], [0, 1, 0, 1]]
    found = CosineComponents(16, 4).encode(images)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_all_components_give_the_image_back(images):
    everything = CosineComponents(16, 256)
    torch.testing.assert_close(everything.decode(everything.encode(images)), images)


def test_fewer_components_are_the_nearest_image_that_they_can_make(images):
    few = CosineComponents(16, 20)
    nearest = few.decode(few.encode(images))
    torch.testing.assert_close(few.encode(images - nearest), torch.zeros(3, 20), atol=1e-6, rtol=0)


def test_large_images_are_read_at_a_smaller_size():
    levels = torch.linspace(-1, 1, 4).view(4, 1, 1, 1).expand(4, 1, 128, 128)
    large = CosineComponents(128, 3)
    torch.testing.assert_close(large.decode(large.encode(levels)), levels)


def test_nothing_is_stored_with_a_model():
    assert not CosineComponents(16, 4).state_dict()
