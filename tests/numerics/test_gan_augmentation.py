"""Changes to films before the discriminator sees them."""

import pytest
import torch

from models.families.gan.augmentation import (
    augment,
    brighten,
    cut_out,
    shift,
    stretch_contrast,
)

CHANGES = (shift, brighten, stretch_contrast, cut_out)
FULL = torch.ones(64, 1, 1, 1)
NONE = torch.zeros(64, 1, 1, 1)


@pytest.fixture(autouse=True)
def _same_draws():
    torch.manual_seed(0)


@pytest.fixture
def images():
    return torch.rand(64, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("change", CHANGES)
def test_an_amount_of_zero_leaves_the_film(images, change):
    torch.testing.assert_close(change(images, NONE), images)


@pytest.mark.parametrize("change", CHANGES)
def test_a_full_amount_changes_most_films(images, change):
    changed = (change(images, FULL) != images).flatten(1).any(1)
    assert changed.float().mean() > 0.9


def test_a_strength_of_zero_leaves_the_films(images):
    torch.testing.assert_close(augment(images, 0.0), images)


def test_every_film_is_changed_in_its_own_way(images):
    same = images[:1].expand(64, -1, -1, -1)
    changed = augment(same, 1.0)
    assert len(torch.unique(changed.flatten(1), dim=0)) == 64


@pytest.mark.parametrize("change", CHANGES)
def test_gradients_pass_through(images, change):
    images.requires_grad_()
    change(images, FULL).square().sum().backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert (images.grad != 0).float().mean() > 0.5


def test_gradient_of_a_shift_is_exact():
    images = torch.randn(4, 1, 16, 16, dtype=torch.float64, requires_grad=True)

    def shifted(x):
        torch.manual_seed(3)
        return shift(x, torch.ones(4, 1, 1, 1))

    assert torch.autograd.gradcheck(shifted, (images,))


def test_a_shift_moves_the_film_by_whole_pixels():
    images = torch.full((64, 1, 32, 32), -1.0)
    images[:, :, 16, 16] = 1
    shifted = shift(images, FULL)
    assert torch.equal(shifted.flatten(1).sort().values, images.flatten(1).sort().values)
    places = shifted.flatten(1).argmax(1)
    rows, columns = places // 32 - 16, places % 32 - 16
    for moves in (rows, columns):
        assert moves.abs().max() == 4
        assert len(moves.unique()) == 9


def test_what_lies_on_the_left_stays_on_the_left():
    """The heart does: no change may mirror a film."""
    images = torch.full((256, 1, 32, 32), -0.5)
    images[:, :, 8:24, 4:10] = 0.9
    changed = augment(images, 1.0)
    brightest, place = changed.flatten(1).max(1)
    seen = brightest > 0.1  # a cut-out, which is grey, may hide the marker
    assert seen.float().mean() > 0.8
    assert (place[seen] % 32 < 16).all()
