"""Stopping, resuming, budgets and diverging."""

from itertools import groupby, islice, pairwise
from types import SimpleNamespace

import pytest
import torch

from models.threads import Threads
from models.training import loop
from models.training import throughput_probe as trial
from models.training.checkpoints import Checkpoints, seconds_between
from models.training.loop import Training, TrainingDiverged
from models.training.plan import Budget

BUDGET = Budget(images=320)  # 60 updates of the first stage, 20 of the second


def trained(model, images, **options):
    training = Training(model, images, BUDGET, seed=7, **options)
    return list(training.run())


def after_the_trial(training):
    """What it reports from its first update on, or the conclusion of a stage."""
    planned = (progress for progress in training.run() if progress.plan)
    next(planned)
    return planned


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(left, right):
    return all(torch.equal(left[name], right[name]) for name in left)


def test_same_seed_gives_the_same_weights(images, new_mean_images):
    first, second = new_mean_images(), new_mean_images()
    trained(first, images)
    trained(second, images)
    assert same(weights(first), weights(second))


@pytest.mark.parametrize("updates_before_the_kill", [1, 17, 59, 60, 61, 75])
def test_resumed_training_equals_an_undisturbed_one_bit_for_bit(
    images, new_mean_images, tmp_path, updates_before_the_kill
):
    undisturbed = new_mean_images()
    trained(undisturbed, images)

    killed = Training(
        new_mean_images(),
        images,
        BUDGET,
        seed=7,
        checkpoints=Checkpoints(tmp_path),
        checkpoint_interval_seconds=0,
    )
    list(islice(after_the_trial(killed), updates_before_the_kill))
    resumed = new_mean_images(seed=99)
    trained(resumed, images, checkpoints=Checkpoints(tmp_path))

    assert same(weights(undisturbed), weights(resumed))


@pytest.mark.parametrize("updates", [0, 1, 17, 59, 60, 61, 75])
def test_a_training_that_is_left_keeps_all_that_it_did(images, new_mean_images, tmp_path, updates):
    """As when its worker is asked to stop, again and again; not one update is done twice."""
    undisturbed = new_mean_images()
    trained(undisturbed, images)
    left = Training(new_mean_images(), images, BUDGET, seed=7, checkpoints=Checkpoints(tmp_path))
    progress = list(islice(after_the_trial(left), updates))
    seen = progress[-1].images_seen if progress else None
    kept = left.save()
    assert kept in {None, seen}  # None where a stage has just ended, which wrote one itself
    assert left.save() is None
    stored = Checkpoints(tmp_path).newest()
    assert (stored[0].images_seen if stored else 0) == (seen or 0)
    resumed = new_mean_images(seed=99)
    trained(resumed, images, checkpoints=Checkpoints(tmp_path))
    assert same(weights(undisturbed), weights(resumed))


def test_the_trial_is_made_once_however_early_a_training_is_killed(
    images, new_mean_images, tmp_path
):
    undisturbed = new_mean_images()
    trained(undisturbed, images)
    options = {"seed": 7, "checkpoints": Checkpoints(tmp_path)}
    killed = Training(new_mean_images(), images, BUDGET, **options)
    [planned, *_] = [each for each in killed.run() if each.checkpointed]
    assert (planned.images_seen, bool(planned.plan)) == (0, True)
    stages = {each.stage for each in Training(new_mean_images(), images, BUDGET, **options).run()}
    assert "trial" not in stages


@pytest.mark.parametrize(
    ("age", "wait"), [(0.0, 1.0), (1.0, 1.0), (4.0, 4.0), (14.0, 14.0), (16.0, 15.0), (1e6, 15.0)]
)
def test_the_first_checkpoints_come_soon(age, wait):
    assert seconds_between(age, 15.0) == wait


def test_checkpoint_cadence_does_not_change_the_weights(images, new_mean_images, tmp_path):
    often, never = new_mean_images(), new_mean_images()
    trained(often, images, checkpoints=Checkpoints(tmp_path), checkpoint_interval_seconds=0)
    trained(never, images)
    assert same(weights(often), weights(never))


def test_finished_training_resumes_to_the_model_it_had_made(images, new_mean_images, tmp_path):
    model = new_mean_images()
    trained(model, images, checkpoints=Checkpoints(tmp_path))
    again = new_mean_images(seed=3)
    training = Training(again, images, BUDGET, seed=7, checkpoints=Checkpoints(tmp_path))
    assert list(training.run()) == []
    assert training.images_seen == 320
    assert not again.training
    assert same(weights(model), weights(again))


def test_progress_counts_images_up_to_the_budget(images, new_mean_images):
    progress = trained(new_mean_images(), images)
    seen = [each.images_seen for each in progress]
    assert seen == sorted(seen)
    assert seen[-1] == 320
    assert progress[-1].fraction == 1.0
    assert {each.total_images for each in progress} == {320}
    stages = [stage for stage, _ in groupby(each.stage for each in progress)]
    assert stages == ["trial", "means", "preparing shift", "shift"]


def test_conclusion_runs_once_and_preparation_on_every_start(images, new_mean_images, tmp_path):
    first = Training(
        new_mean_images(),
        images,
        BUDGET,
        seed=7,
        checkpoints=Checkpoints(tmp_path),
        checkpoint_interval_seconds=0,
    )
    list(islice(after_the_trial(first), 70))
    resumed = new_mean_images()
    trained(resumed, images, checkpoints=Checkpoints(tmp_path))
    assert resumed.concluded.item() == len(images)
    assert resumed.num_prepared == 1


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=0.0, monotonic=lambda: now.seconds)
    for module in (loop, trial):
        monkeypatch.setattr(module, "time", now)
    return now


def slowed(monkeypatch, model, clock, seconds_of):
    """Let each loss move the clock on by what `seconds_of` says of the time."""
    loss = type(model)._loss

    def slow_loss(self, batch):
        clock.seconds += seconds_of(clock.seconds)
        return loss(self, batch)

    monkeypatch.setattr(type(model), "_loss", slow_loss)


def test_budget_in_seconds_is_filled_by_updates(images, new_mean_images, monkeypatch, clock):
    model = new_mean_images()
    slowed(monkeypatch, model, clock, lambda _: 0.05)
    progress = list(Training(model, images, Budget(seconds=100.0), seed=0).run())
    assert clock.seconds == pytest.approx(100.0, rel=0.02)
    assert progress[-1].fraction == 1.0


@pytest.mark.parametrize("change", [3.0, 0.4])
def test_budget_in_seconds_holds_when_the_machine_changes_its_pace(
    images, new_mean_images, monkeypatch, clock, change
):
    model = new_mean_images()
    slowed(monkeypatch, model, clock, lambda now: 0.1 * (change if now > 40 else 1.0))
    progress = list(Training(model, images, Budget(seconds=100.0), seed=0).run())
    assert clock.seconds == pytest.approx(100.0, rel=0.03)
    fractions = [each.fraction for each in progress]
    assert fractions == sorted(fractions)
    assert max(b - a for a, b in pairwise(fractions)) < 0.03
    assert progress[-1].total_images == progress[-1].images_seen


def test_resumed_budget_in_seconds_goes_on_where_it_stood(
    images, new_mean_images, monkeypatch, clock, tmp_path
):
    """On a machine three times slower than the first; the time between the two does not count."""
    model = new_mean_images()
    options = {"seed": 0, "checkpoints": Checkpoints(tmp_path), "checkpoint_interval_seconds": 5}
    slowed(monkeypatch, model, clock, lambda now: 0.1 if now < 1000 else 0.3)
    killed = Training(model, images, Budget(seconds=100.0), **options).run()
    last = next(progress for progress in killed if clock.seconds > 50)
    before, clock.seconds = clock.seconds, 2000.0
    resumed = list(Training(new_mean_images(), images, Budget(seconds=100.0), **options).run())
    assert resumed[0].fraction == pytest.approx(last.fraction, abs=0.06)  # what the kill cost
    assert 97 < before + clock.seconds - 2000 < 108


@pytest.mark.parametrize("budget", [Budget(images=1_600), Budget(seconds=60.0)])
def test_expected_time_is_reported_before_the_first_update(
    images, new_mean_images, monkeypatch, clock, budget
):
    model = new_mean_images()
    slowed(monkeypatch, model, clock, lambda _: 0.1)
    progress = list(Training(model, images, budget, seed=0).run())
    [first, *_] = [each for each in progress if each.expected_seconds]
    assert first.images_seen == 0
    assert first.expected_seconds == pytest.approx(clock.seconds, rel=0.02)
    means, shift = first.plan
    assert means.images_per_second == pytest.approx(4 / 0.1)
    assert shift.images_per_second == pytest.approx(4 / 0.2)  # of two phases
    assert progress[-1].expected_seconds == first.expected_seconds


def test_trial_shares_no_cache_and_leaves_no_trace(images, new_mean_images):
    """The few images of the trial are cached by the copy alone."""
    model = new_mean_images()
    before = weights(model)
    training = Training(model, images, Budget(images=400), seed=0)
    next(each for each in training.run() if each.plan)
    assert same(before, weights(model))
    assert model.num_prepared == 0


def test_budget_is_in_images_or_in_seconds():
    with pytest.raises(ValueError, match="either"):
        Budget()
    with pytest.raises(ValueError, match="either"):
        Budget(images=1, seconds=1.0)


def test_lent_average_leaves_the_live_weights_alone(images, new_mean_images):
    model = new_mean_images()
    training = Training(model, images, BUDGET, seed=7)
    run = after_the_trial(training)
    list(islice(run, 30))
    live = weights(model)
    with training.averaged() as averaged:
        assert not torch.equal(averaged.means.weight, live["means.weight"])
        assert not averaged.training
    assert same(live, weights(model))
    assert model.training


def test_diverged_training_says_which_term(images, new_mean_images):
    model = new_mean_images()
    with torch.no_grad():
        model.means.weight.fill_(float("inf"))
    with pytest.raises(TrainingDiverged, match="In stage 'means' the 'loss'"):
        trained(model, images)


def test_training_that_diverges_at_its_very_end_does_not_pass(images, new_mean_images):
    """Between the checks that are made on the way."""
    model = new_mean_images()
    training = Training(model, images, BUDGET, seed=7)
    run = after_the_trial(training)
    list(islice(run, 58))
    with torch.no_grad():
        model.means.weight.fill_(float("nan"))
    with pytest.raises(TrainingDiverged):
        list(run)


class ManyThreads:
    """Writes down which of three numbers of threads each update is made with; the first is best."""

    def __init__(self):
        self.now, self.used = 0.0, []
        self.threads = Threads((1, 2, 4), clock=self.clock, use=self.used.append)

    def clock(self):
        self.now += 0.1 * self.used[-1]
        return self.now


def test_the_number_of_threads_is_measured_and_resumed_from_the_checkpoint(
    images, new_mean_images, tmp_path, monkeypatch
):
    monkeypatch.setattr(torch, "get_num_threads", lambda: -1)
    first, second = ManyThreads(), ManyThreads()
    left = Training(
        new_mean_images(),
        images,
        BUDGET,
        seed=7,
        checkpoints=Checkpoints(tmp_path),
        threads=first.threads,
    )
    list(islice(after_the_trial(left), 50))
    left.save()
    assert {1, 2, 4} <= set(first.used)
    stored, _ = Checkpoints(tmp_path).newest()
    assert stored.plan[0].timing.num_threads == 1
    resumed = Training(
        new_mean_images(),
        images,
        BUDGET,
        seed=7,
        checkpoints=Checkpoints(tmp_path),
        threads=second.threads,
    )
    list(islice(resumed.run(), 5))
    assert set(second.used) == {1}
