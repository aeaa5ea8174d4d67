import math

import pytest
import torch

from models.nn.warp import warp


@pytest.fixture
def images():
    return torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def test_no_change_leaves_images(images):
    torch.testing.assert_close(warp(images, torch.zeros(2)), images)


def test_a_quarter_turn_turns_each_image_in_its_own_way(images):
    turned = warp(images, torch.tensor([math.pi / 2, -math.pi / 2]))
    torch.testing.assert_close(turned[0], images[0].rot90(1, (1, 2)), rtol=0, atol=1e-5)
    torch.testing.assert_close(turned[1], images[1].rot90(-1, (1, 2)), rtol=0, atol=1e-5)


def test_a_shift_by_a_pixel_is_exact_and_draws_the_border_out(images):
    moved = warp(images, torch.zeros(2), right=torch.full((2,), 1 / 16))
    torch.testing.assert_close(moved[..., :-1], images[..., 1:], rtol=0, atol=1e-5)
    torch.testing.assert_close(moved[..., -1:], images[..., -1:], rtol=0, atol=1e-5)


def test_a_grid_as_wide_as_half_the_image_shows_its_middle(images):
    half = warp(images, torch.zeros(2), width=torch.full((2,), 0.5))
    assert half.amax() <= images[..., 3:13].amax()


def test_autocast_rounds_no_place(images):
    angle, right = torch.tensor([0.1, -0.1]), torch.tensor([0.03, 0.05])
    with torch.autocast("cpu", torch.bfloat16):
        rounded = warp(images, angle, right=right)
    assert torch.equal(rounded, warp(images, angle, right=right))
