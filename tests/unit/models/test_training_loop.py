"""Stopping, resuming, budgets and diverging."""

from itertools import islice
from types import SimpleNamespace

import pytest
import torch

from models.training import loop
from models.training.budget import Budget
from models.training.checkpoints import Checkpoints
from models.training.loop import Training, TrainingDiverged

BUDGET = Budget(images=320)  # 60 updates of the first stage, 20 of the second


def trained(model, films, **options):
    training = Training(model, films, BUDGET, seed=7, **options)
    return list(training.run())


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


def test_same_seed_gives_the_same_weights(films, new_mean_images):
    first, second = new_mean_images(), new_mean_images()
    trained(first, films)
    trained(second, films)
    assert same(weights(first), weights(second))


@pytest.mark.parametrize("updates_before_the_kill", [1, 17, 59, 60, 61, 75])
def test_resumed_training_equals_an_undisturbed_one_bit_for_bit(
    films, new_mean_images, tmp_path, updates_before_the_kill
):
    undisturbed = new_mean_images()
    trained(undisturbed, films)

    killed = Training(
        new_mean_images(),
        films,
        BUDGET,
        seed=7,
        checkpoints=Checkpoints(tmp_path),
        checkpoint_interval_seconds=0,
    )
    list(islice(killed.run(), updates_before_the_kill))
    resumed = new_mean_images(seed=99)
    trained(resumed, films, checkpoints=Checkpoints(tmp_path))

    assert same(weights(undisturbed), weights(resumed))


def test_checkpoint_cadence_does_not_change_the_weights(films, new_mean_images, tmp_path):
    often, never = new_mean_images(), new_mean_images()
    trained(often, films, checkpoints=Checkpoints(tmp_path), checkpoint_interval_seconds=0)
    trained(never, films)
    assert same(weights(often), weights(never))


def test_finished_training_resumes_to_the_model_it_had_made(films, new_mean_images, tmp_path):
    model = new_mean_images()
    trained(model, films, checkpoints=Checkpoints(tmp_path))
    again = new_mean_images(seed=3)
    training = Training(again, films, BUDGET, seed=7, checkpoints=Checkpoints(tmp_path))
    assert list(training.run()) == []
    assert training.images_seen == 320
    assert not again.training
    assert same(weights(model), weights(again))


def test_progress_counts_images_up_to_the_budget(films, new_mean_images):
    progress = trained(new_mean_images(), films)
    seen = [each.images_seen for each in progress]
    assert seen == sorted(seen)
    assert seen[-1] == 320
    assert progress[-1].fraction == 1.0
    assert {each.total_images for each in progress} == {320}
    assert next(each.stage for each in progress) == "means"
    assert progress[-1].stage == "shift"


def test_conclusion_runs_once_and_preparation_on_every_start(films, new_mean_images, tmp_path):
    first = Training(
        new_mean_images(),
        films,
        BUDGET,
        seed=7,
        checkpoints=Checkpoints(tmp_path),
        checkpoint_interval_seconds=0,
    )
    list(islice(first.run(), 70))
    resumed = new_mean_images()
    trained(resumed, films, checkpoints=Checkpoints(tmp_path))
    assert resumed.concluded.item() == len(films)
    assert resumed.num_prepared == 1


def test_budget_in_seconds_is_filled_by_updates(films, new_mean_images, monkeypatch):
    """On a clock that each loss moves on by 10 ms, trials included."""
    now = [0.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    model = new_mean_images()
    loss = type(model)._loss

    def slow_loss(self, batch):
        now[0] += 0.01
        return loss(self, batch)

    monkeypatch.setattr(type(model), "_loss", slow_loss)
    progress = list(Training(model, films, Budget(seconds=100.0), seed=0).run())
    assert now[0] == pytest.approx(100.0, rel=0.02)
    assert progress[-1].fraction == 1.0


def test_budget_is_in_images_or_in_seconds():
    with pytest.raises(ValueError, match="either"):
        Budget()
    with pytest.raises(ValueError, match="either"):
        Budget(images=1, seconds=1.0)


def test_lent_average_leaves_the_live_weights_alone(films, new_mean_images):
    model = new_mean_images()
    training = Training(model, films, BUDGET, seed=7)
    run = training.run()
    list(islice(run, 30))
    live = weights(model)
    with training.averaged() as averaged:
        assert not torch.equal(averaged.means.weight, live["means.weight"])
        assert not averaged.training
    assert same(live, weights(model))
    assert model.training


def test_diverged_training_says_which_term(films, new_mean_images):
    model = new_mean_images()
    with torch.no_grad():
        model.means.weight.fill_(float("inf"))
    with pytest.raises(TrainingDiverged, match="In stage 'means' the 'loss'"):
        trained(model, films)


def test_training_that_diverges_at_its_very_end_does_not_pass(films, new_mean_images):
    """Between the checks that are made on the way."""
    model = new_mean_images()
    training = Training(model, films, BUDGET, seed=7)
    run = training.run()
    list(islice(run, 58))
    with torch.no_grad():
        model.means.weight.fill_(float("nan"))
    with pytest.raises(TrainingDiverged):
        list(run)
