"""Changes to images before the discriminator sees them."""

import pytest
import torch

from models.families.gan.augmentation import (
    MAX_TURN,
    AdaptiveStrength,
    augment,
    brighten,
    cut_out,
    shift,
    stretch_contrast,
    turn,
)

CHANGES = (turn, shift, brighten, stretch_contrast, cut_out)
FULL = torch.ones(64, 1, 1, 1)
NONE = torch.zeros(64, 1, 1, 1)


@pytest.fixture(autouse=True)
def _same_draws():
    torch.manual_seed(0)


@pytest.fixture
def images():
    return torch.rand(64, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("change", CHANGES)
def test_an_amount_of_zero_leaves_the_image(images, change):
    torch.testing.assert_close(change(images, NONE), images)


@pytest.mark.parametrize("change", CHANGES)
def test_a_full_amount_changes_most_images(images, change):
    changed = (change(images, FULL) != images).flatten(1).any(1)
    assert changed.float().mean() > 0.9


def test_a_strength_of_zero_leaves_the_images(images):
    torch.testing.assert_close(augment(images, 0.0), images)


def test_every_image_is_changed_in_its_own_way(images):
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


def test_a_shift_moves_the_image_by_whole_pixels():
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
    """The heart does: no change may mirror an image."""
    images = torch.full((256, 1, 32, 32), -0.5)
    images[:, :, 8:24, 4:10] = 0.9
    changed = augment(images, 1.0)
    brightest, place = changed.flatten(1).max(1)
    seen = brightest > 0.1  # a cut-out, which is grey, may hide the marker
    assert seen.float().mean() > 0.8
    assert (place[seen] % 32 < 16).all()


@pytest.mark.parametrize("change", CHANGES)
def test_a_partner_is_changed_alike(images, change):
    """Images and their partners lie in the channels of one tensor."""
    partners = images.expand(-1, 2, -1, -1)
    changed = change(partners, FULL)
    assert torch.equal(changed[:, 0], changed[:, 1])


def test_a_turn_is_small_and_goes_both_ways():
    """A bar through the middle ends up at the angle whose tangent is its rise."""
    images = torch.full((200, 1, 64, 64), -1.0)
    images[:, :, 31:33] = 1
    ink = (turn(images, torch.ones(200, 1, 1, 1)) + 1).squeeze(1)
    rows = torch.arange(64.0)[:, None]
    heights = (ink * rows).sum(1) / ink.sum(1)  # of the bar, column by column
    angles = ((heights[:, 56] - heights[:, 7]) / 49).atan()
    assert angles.abs().max() < MAX_TURN + 0.01
    assert angles.min() < -MAX_TURN / 2
    assert angles.max() > MAX_TURN / 2


def test_strength_grows_while_the_discriminator_knows_real_images_and_falls_when_it_guesses():
    adaptive = AdaptiveStrength(target=0.6, images_to_full=100)
    adaptive.observe(torch.ones(20))
    assert adaptive.strength.item() == pytest.approx(0.2)
    adaptive.observe(torch.tensor([3.0, -3.0] * 5))
    assert adaptive.strength.item() == pytest.approx(0.1)


def test_strength_stands_still_at_its_target():
    adaptive = AdaptiveStrength(target=0.5, images_to_full=100)
    adaptive.strength.fill_(0.3)
    adaptive.observe(torch.tensor([1.0, 2.0, 3.0, -4.0]))
    assert adaptive.strength.item() == pytest.approx(0.3)


def test_strength_stays_a_probability():
    adaptive = AdaptiveStrength(target=0.6, images_to_full=10)
    for verdicts, end in ((torch.ones(8), 1.0), (-torch.ones(8), 0.0)):
        for _ in range(4):
            adaptive.observe(verdicts)
        assert adaptive.strength.item() == end


def test_strength_finds_where_the_discriminator_is_as_sure_as_wanted():
    """A discriminator that the augmentation confuses in proportion is held at the target."""
    adaptive = AdaptiveStrength(target=0.6, images_to_full=2_000)
    rng = torch.Generator().manual_seed(0)
    for _ in range(400):
        right = torch.rand(32, generator=rng) < 1 - adaptive.strength / 2
        adaptive.observe(right.float() - 0.5)
    # the mean sign is 1 - strength
    assert adaptive.strength.item() == pytest.approx(0.4, abs=0.1)
