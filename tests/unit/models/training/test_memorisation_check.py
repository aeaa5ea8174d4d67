"""A training ends where memorisation is expected, or where a check finds it."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from models.config import Circumstances
from models.families.vae.config import Config
from models.families.vae.model import VariationalAutoencoder
from models.family import ImageSpec
from models.memorisation import images_before_memorisation
from models.presets import resolve_config
from models.training.checkpoints import Checkpoints
from models.training.loop import Training
from models.training.memorisation_check import Comparison, MemorisationCheck
from models.training.plan import Budget, StagePlan, StageTiming
from models.training_images import TrainingImages, as_images


def chests(num_images, seed):
    """Images of a few factors, the same in every set, and what each has of its own."""
    factors = np.random.default_rng(0).normal(size=(6, 16, 16))
    rng = np.random.default_rng(seed)
    small = np.tensordot(rng.normal(size=(num_images, 6)), factors, 1)
    small = small + rng.normal(size=small.shape)
    pixels = (128 + 25 * small).clip(0, 255).astype(np.uint8)
    return pixels.repeat(4, 1).repeat(4, 2), np.arange(num_images) % 2


def check_of(members, others):
    pixels, labels = (np.concatenate(pair) for pair in zip(members, others, strict=True))
    return MemorisationCheck(as_images(pixels, "cpu"), torch.from_numpy(labels), len(members[1]))


def training_of_sixteen(folder=None):
    torch.manual_seed(0)
    config = resolve_config("vae", "tiny", {}, Circumstances(64))
    model = VariationalAutoencoder(config, ImageSpec(64, 2))
    few = chests(16, 1)
    return Training(
        model,
        TrainingImages(*few),
        Budget(images=1600),
        seed=1,
        checkpoints=Checkpoints(folder) if folder else None,
        memorisation_check=check_of(few, chests(32, 3)),
    )


def test_the_estimate_grows_in_proportion_to_the_set():
    few, many = (images_before_memorisation(Config(), n) for n in (300, 1200))
    assert many == 4 * few


@pytest.mark.parametrize("budget", [{"images": 320}, {"seconds": 20}])
def test_no_budget_goes_beyond_the_bound_and_the_ending_says_so(images, new_mean_images, budget):
    training = Training(new_mean_images(), images, Budget(**budget, most_images=160), seed=7)
    progress = list(training.run())
    assert training.images_seen == progress[-1].total_images == 160
    assert progress[-1].fraction == 1.0
    assert training.ending.reason == "memorisation_expected"
    assert "after 160 images" in training.ending.text


def test_an_ending_names_what_was_seen_before(images, new_mean_images):
    budget = Budget(images=320, most_images=160, earlier_images=4240)
    training = Training(new_mean_images(), images, budget, seed=7)
    list(training.run())
    assert "more than about 160, beside 4,240 that what it started from" in training.ending.text


def test_a_stage_after_one_that_memorised_is_trained_as_planned():
    """The check concerns the stage that it ended, and finds the same in all later ones."""
    training = training_of_sixteen()
    timing = StageTiming(1.0, 0.0, 0.0)
    planned = StagePlan("later", 8, 100, timing)
    found = Comparison(2, (0.0,) * 48, (9.0,))
    position = replace(training._start(), plan=(planned,), update=60, comparison=found)
    with pytest.raises(StopIteration) as ended:
        next(training._check_memorisation(0, position))
    assert ended.value.value == position


def test_a_budget_below_the_bound_is_spent(images, new_mean_images):
    training = Training(new_mean_images(), images, Budget(images=80, most_images=160), seed=7)
    list(training.run())
    assert (training.images_seen, training.ending.reason) == (80, "budget")


def test_a_model_without_a_score_is_trained_to_the_end(images, new_mean_images):
    training = Training(
        new_mean_images(),
        images,
        Budget(images=80),
        seed=7,
        memorisation_check=MemorisationCheck(torch.zeros(4, 1, 8, 8), torch.zeros(4).long(), 2),
    )
    list(training.run())
    assert (training.images_seen, training.ending.reason) == (80, "budget")


def test_a_training_that_memorises_is_ended_and_a_resumed_one_at_the_same_image(tmp_path):
    undisturbed = training_of_sixteen()
    list(undisturbed.run())
    assert undisturbed.ending.reason == "memorisation_found"
    assert 160 < undisturbed.images_seen < 1600
    assert undisturbed.ending.standard_errors[-1] > 2.33

    for steps in (20, 47):
        left = training_of_sixteen(tmp_path)
        list(islice((each for each in left.run() if each.losses), steps))
        left.save()
    resumed = training_of_sixteen(tmp_path)
    list(resumed.run())
    assert resumed.ending == undisturbed.ending
    assert all(
        torch.equal(ours, theirs)
        for ours, theirs in zip(
            resumed.model.state_dict().values(),
            undisturbed.model.state_dict().values(),
            strict=True,
        )
    )


def test_how_easy_an_image_is_does_not_count_as_memorised():
    """Members are easier by far; what both gain is the same, a line of it."""
    rng = np.random.default_rng(0)
    early = torch.from_numpy(rng.normal(size=90))
    early[:60] += 3
    later = 2 * early + 5 + torch.from_numpy(rng.normal(0, 0.1, 90))
    found = Comparison().with_scores(early, 60, 0.1).with_scores(later, 60, 0.2)
    assert not found.memorises
    later[:60] += 0.2
    assert Comparison().with_scores(early, 60, 0.1).with_scores(later, 60, 0.2).memorises


def test_checks_are_made_at_each_tenth_of_the_stage():
    found = Comparison()
    made = []
    for update in range(35):
        if found.is_due(update / 35):
            found = found.with_scores(torch.randn(8), 4, update / 35)
            made.append(update)
    assert made == [4, 7, 11, 14, 18, 21, 25, 28, 32]
