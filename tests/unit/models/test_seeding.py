"""Random numbers that depend on their seed alone."""

import torch

from models.seeding import ImageNoise, derived_seed, image_seed


def test_an_image_draws_the_same_numbers_in_any_batch():
    alone = ImageNoise([5])
    among = ImageNoise([1, 2, 5, 9])
    for draw in ("normal", "uniform"):
        assert torch.equal(getattr(alone, draw)(2, 3)[0], getattr(among, draw)(2, 3)[2])


def test_image_seeds_are_distinct():
    seeds = {image_seed(set_seed, index) for set_seed in range(20) for index in range(500)}
    assert len(seeds) == 20 * 500


def test_seed_of_a_path_is_not_that_of_its_reverse():
    assert derived_seed(1, 2) != derived_seed(2, 1)
