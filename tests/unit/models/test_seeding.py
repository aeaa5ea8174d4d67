"""Random numbers that depend on their seed alone."""

import torch

from models.seeding import (
    Between,
    ImageNoise,
    derived_seed,
    image_seed,
    preview_seed,
    seed_update,
)


def test_an_image_draws_the_same_numbers_in_any_batch():
    alone = ImageNoise([5])
    among = ImageNoise([1, 2, 5, 9])
    assert torch.equal(alone.normal(2, 3)[0], among.normal(2, 3)[2])


def test_image_seeds_are_distinct():
    seeds = {image_seed(set_seed, index) for set_seed in range(20) for index in range(500)}
    assert len(seeds) == 20 * 500


def test_seed_of_a_path_is_not_that_of_its_reverse():
    assert derived_seed(1, 2) != derived_seed(2, 1)


def test_an_update_draws_what_torch_draws_from_its_seed():
    seed_update(3, 1, 4)
    drawn = torch.randn(5)
    torch.manual_seed(derived_seed(3, 1, 4))
    assert torch.equal(drawn, torch.randn(5))


def test_numbers_on_the_way_between_two_seeds_stay_standard_normal():
    noise = ImageNoise([Between(1, 2, 0.3)])
    torch.testing.assert_close(noise.normal(100_000).std(), torch.tensor(1.0), rtol=0, atol=0.01)
    uniform = torch.special.ndtr(noise.normal(100_000))
    torch.testing.assert_close(uniform.mean(), torch.tensor(0.5), rtol=0, atol=0.01)
    torch.testing.assert_close(uniform.var(), torch.tensor(1 / 12), rtol=0, atol=0.01)


def test_the_ends_of_the_way_are_the_seeds_own_numbers():
    ends = ImageNoise([Between(1, 2, 0.0), Between(1, 2, 1.0)]).normal(100)
    assert torch.equal(ends, ImageNoise([1, 2]).normal(100))


def test_every_bit_of_a_seed_counts():
    numbers = ImageNoise([5 + (1 << bit) for bit in (3, 31, 32, 40, 62)] + [5]).normal(8)
    assert len({tuple(row.tolist()) for row in numbers}) == 6


def test_no_seed_of_a_set_draws_what_a_preview_shows():
    shown = preview_seed(0, 3)
    [preview] = ImageNoise([shown]).normal(100)
    named = [shown.seed, shown.seed + 2**32, 2**32 + shown.seed % 2**32, shown.seed ^ 2**62]
    between = [Between(shown.seed, 7, 0.0), Between(shown.seed, shown.seed + 1, 0.5)]
    for numbers in ImageNoise([*named, *between]).normal(100):
        assert abs(torch.corrcoef(torch.stack([preview, numbers]))[0, 1]) < 0.5
