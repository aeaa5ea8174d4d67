"""Train jobs, from claim to commit: real database, real files, real models."""

import json
import math
import os
import signal
import threading
import time
import zipfile
from functools import partial
from pathlib import Path

import pytest
import torch

from models.config import Circumstances
from models.diagnosis import TrainingFault
from models.presets import resolve_config
from models.privacy.accounting import PrivacyCost, epsilon_by_prv
from models.privacy.noisy_sums import GaussianMechanism, PoissonGaussianMechanism, ReleasedSum
from models.training import loop
from models.training.checkpoints import file_digest
from models.training.monitor import MembershipMonitor
from radiographs.splits.split import Split
from radiographs.store.pixel_store import PixelStore
from service.domain.access import Clearance
from service.domain.job import EventKind, JobState
from service.domain.model_card import Diagnosis
from service.domain.requests import Privacy, PrivacyTerms, TrainingBudget
from tests.integration.jobs import (
    COUNTS,
    finished,
    submit_generation,
    submit_ingest,
    submit_training,
)
from workers.runner import run_job
from workers.train import job as training
from workers.train import public_images


def test_a_training_is_monitored_and_names_the_budget_that_may_be_enough(
    context, dataset_id, monkeypatch
):
    """The first image of each patient of the audit pool, as often as the monitor is due."""
    seen = iter([0.5, 1.5])
    often = partial(MembershipMonitor, max_share=1e9)
    monkeypatch.setattr("workers.train.membership_audit.MIN_PATIENTS", 4)
    monkeypatch.setattr("workers.train.membership_audit.MembershipMonitor", often)
    monkeypatch.setattr("models.training.monitor.standard_errors", lambda *_: next(seen, 3.0))
    monkeypatch.setattr("workers.train.membership_audit.standard_errors", lambda *_: 4.0)
    job = finished(context, submit_training(context, dataset_id))
    card = context.records.catalog.model(job.result.model_id).card
    reported = card.memorisation
    assert (reported.standard_errors, reported.threshold) == (4.0, 2.33)
    assert [check.standard_errors for check in reported.checks][:3] == [0.5, 1.5, 3.0]
    last_clean = reported.checks[1].images_seen
    [found] = [each for each in card.diagnosis if each.code == "overfitting"]
    assert f"a budget of about {last_clean:,} images" in found.fix
    log = [
        event.data for event in context.records.jobs.events(job.id) if event.kind == EventKind.LOG
    ]
    assert [line["code"] for line in log] == ["overfitting"]
    assert all("loss" in point for point in card.learning_curve)


def test_kid_is_measured_of_images_that_the_model_learns_from_and_is_on_its_card(
    context, dataset_id, monkeypatch
):
    """As often as may be; where it is not due the weights are the same."""
    unwatched = finished(context, submit_training(context, dataset_id))
    monkeypatch.setattr("workers.train.kid_monitor.MAX_SHARE", 1e9)
    read, images_of = [], PixelStore.images_of

    def noted(self, *splits, size=None):
        if splits == (Split.TRAIN,):
            read.append(splits)
        return images_of(self, *splits, size=size)

    monkeypatch.setattr(PixelStore, "images_of", noted)
    job = finished(context, submit_training(context, dataset_id))
    cards = [context.records.catalog.model(each.result.model_id).card for each in (unwatched, job)]
    assert cards[0].weights_sha256 == cards[1].weights_sha256
    assert read == [(Split.TRAIN,)]
    found = [point for point in cards[1].learning_curve if "kid" in point]
    assert len(found) > 3
    assert all(point["kid_low"] <= point["kid"] <= point["kid_high"] for point in found)
    seen = [point["images_seen"] for point in cards[1].learning_curve]
    assert seen == sorted(seen)


def test_cancelled_training_stops_and_keeps_its_last_checkpoint(context, dataset_id, tmp_path):
    job_id = submit_training(context, dataset_id, images=10_000_000)
    worker = threading.Thread(target=run_job, args=(job_id, context))
    worker.start()
    while not list(tmp_path.glob(f"artifacts/checkpoints/{job_id}/*.json")):
        time.sleep(0.02)
    context.records.jobs.request_cancel(job_id)
    worker.join()
    assert context.records.jobs.job(job_id).state is JobState.CANCELLED
    assert list(tmp_path.glob(f"artifacts/checkpoints/{job_id}/*.json"))
    assert not list(tmp_path.glob("artifacts/models/*"))


def test_progress_and_losses_enter_the_log(context, dataset_id):
    job = finished(context, submit_training(context, dataset_id))
    kinds = {event.kind for event in context.records.jobs.events(job.id)}
    assert {"state", "progress", "metrics", "checkpoint", "done"} <= kinds
    curve = context.records.catalog.model(job.result.model_id).card.learning_curve
    assert curve[-1]["images_seen"] == 128
    assert math.isfinite(curve[-1]["loss"])


def test_findings_are_in_the_log_and_on_the_model_s_card(context, dataset_id, monkeypatch):
    found = TrainingFault("memorising", "Images come out again.", "Train on more images.")
    monkeypatch.setattr(training, "memorising", lambda *images: found)
    job = finished(context, submit_training(context, dataset_id, images=32))
    [reported] = [
        event for event in context.records.jobs.events(job.id) if event.kind == "diagnosis"
    ]
    expected = reported.data["findings"]
    assert "memorising" in [each["code"] for each in expected]
    assert context.records.catalog.model(job.result.model_id).card.diagnosis == tuple(
        Diagnosis(**each) for each in expected
    )


def test_the_card_says_where_a_training_stopped_and_why(context, dataset_id, monkeypatch):
    """A fifth of the patients are set aside, few as they are, and checked before 3 of 4 updates."""
    monkeypatch.setattr("workers.train.set_aside.SHARE", 0.2)
    monkeypatch.setattr("workers.train.set_aside.MIN_SET_ASIDE", 2)
    monkeypatch.setattr("models.training.memorisation_check.STOP_ABOVE", 1e9)
    bounded = TrainingBudget(images=128, until="memorisation", memorisation_images=64)
    models = []
    for budget in (bounded, TrainingBudget(images=128)):
        job = finished(context, submit_training(context, dataset_id, budget=budget))
        models.append(context.records.catalog.model(job.result.model_id))
    stopped, whole = models
    ending = stopped.card.ending
    assert (stopped.images_seen, ending.reason) == (64, "memorisation_expected")
    assert (ending.memorisation_images, len(ending.standard_errors)) == (64, 2)
    assert stopped.card.num_training_images < whole.card.num_training_images
    assert (whole.images_seen, whole.card.ending.reason) == (128, "budget")


@pytest.fixture
def usual_probes(short_probes, monkeypatch):
    """Probe as long as in use, as other processes of a training do."""
    monkeypatch.setattr(loop, "PROBE_SECONDS", 1.5)


@pytest.mark.usefixtures("usual_probes")
@pytest.mark.parametrize("budget", [TrainingBudget(images=600), TrainingBudget(seconds=6)])
def test_expected_time_is_in_the_log_before_the_first_update(context, dataset_id, budget):
    job_id = submit_training(context, dataset_id, budget=budget)
    began = time.monotonic()
    job = finished(context, job_id)
    took = time.monotonic() - began
    events = [event for event in context.records.jobs.events(job.id) if event.kind != "state"]
    [at] = [index for index, event in enumerate(events) if event.kind == "plan"]
    assert all(event.data["images_seen"] == 0 for event in events[:at])
    assert {event.data["fraction"] for event in events[: at - 1]} <= {None}  # nobody knows it yet
    reported = events[at].data
    assert [stage["stage"] for stage in reported["stages"]] == ["autoencoder"]
    assert job.progress.expected_seconds == reported["expected_seconds"]
    assert took / 3 < reported["expected_seconds"] < 3 * took


def children_of(pid):
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found.append(int(status.parent.name))
    return found


def followers():
    """Processes of a training that this one leads."""
    named = {pid: Path(f"/proc/{pid}/cmdline") for pid in children_of(os.getpid())}
    started = b"workers.train.distributed"
    return [pid for pid, name in named.items() if name.exists() and started in name.read_bytes()]


@pytest.mark.usefixtures("usual_probes")
@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_training_on_two_devices_makes_a_model_and_leaves_no_process(context, dataset_id):
    job = finished(context, submit_training(context, dataset_id, num_devices=2))
    assert job.state is JobState.SUCCEEDED, job.error
    model = context.records.catalog.model(job.result.model_id)
    assert (model.images_seen, model.card.num_devices) == (128, 2)
    assert followers() == []


@pytest.mark.usefixtures("usual_probes")
@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
@pytest.mark.parametrize("ending", ["killed", "cancelled"])
def test_training_on_two_devices_ends_when_one_is_lost_and_when_cancelled(
    context, dataset_id, tmp_path, ending
):
    job_id = submit_training(context, dataset_id, images=10_000_000, num_devices=2)
    worker = threading.Thread(target=run_job, args=(job_id, context))
    worker.start()
    while not list(tmp_path.glob(f"artifacts/checkpoints/{job_id}/*.json")):
        time.sleep(0.02)
    [other] = followers()
    began = time.monotonic()
    if ending == "killed":
        os.kill(other, signal.SIGKILL)
    else:
        context.records.jobs.request_cancel(job_id)
    worker.join(timeout=20)
    job = context.records.jobs.job(job_id)
    assert time.monotonic() - began < 10
    assert followers() == []
    if ending == "killed":
        assert (job.state, job.error.code) == (JobState.FAILED, "device_lost")
        assert job.error.retryable
    else:
        assert job.state is JobState.CANCELLED


def test_more_devices_than_the_worker_has_are_refused_by_name(context, dataset_id):
    job = finished(context, submit_training(context, dataset_id, num_devices=16))
    assert (job.state, job.error.code) == (JobState.FAILED, "devices_unavailable")


METHODS = {"vae": "mixture", "ldm": "dp_sgd"}


FEW_UPDATES = {"private_updates": 4, "private_batch_size": 8, "private_draws": 2}


def privately(family):
    return Privacy(PrivacyTerms(3.0, None, 1.0, METHODS[family]))


@pytest.fixture
def few_public_images(monkeypatch):
    monkeypatch.setattr(public_images, "NUM_IMAGES", 48)


def private_model(context, dataset_id, family="vae"):
    overrides = FEW_UPDATES if family == "ldm" else {}
    config = resolve_config(family, "tiny", overrides, Circumstances(64, private=True))
    asked = {"privacy": privately(family), "config": config.model_dump(mode="json")}
    job = finished(context, submit_training(context, dataset_id, family, **asked))
    assert job.state is JobState.SUCCEEDED, job.error
    return context.records.catalog.model(job.result.model_id)


def test_a_private_training_accounts_for_itself_and_for_the_runs_before_it(
    context, dataset_id, few_public_images
):
    model = private_model(context, dataset_id)
    reported = model.card.differential_privacy
    assert reported.delta == 1 / (10 * reported.num_patients)
    assert reported.label.startswith("certified-dp(3, ")
    assert reported.unit == "patient"
    assert 3.0 <= reported.cross_check.epsilon < 3.5
    assert reported.runs.count == 1
    assert reported.runs.epsilon == pytest.approx(3.0)

    again = private_model(context, dataset_id).card.differential_privacy
    assert again.runs.count == 2
    assert 4.2 < again.runs.epsilon < 6.0  # less than the sum: the mechanism is Gaussian


def test_weights_of_a_private_training_are_released_and_of_another_of_few_patients_not(
    context, dataset_id, few_public_images
):
    model = private_model(context, dataset_id)
    assert Clearance.of(model, []).ground == "differential_privacy"
    weights = context.artifacts.path(model.snapshot.key)
    assert model.card.weights_sha256 == file_digest(weights)
    assert "differential privacy" in model.card.memorisation.not_measured

    trained = finished(context, submit_training(context, dataset_id))
    other = context.records.catalog.model(trained.result.model_id)
    assert other.card.white_box is None or not other.card.white_box.passed
    assert not Clearance.of(other, []).cleared


@pytest.mark.usefixtures("nothing_dropped")
def test_noisy_gradients_account_for_themselves_and_for_other_runs_in_card_and_set(
    context, examined_dataset_id, few_public_images
):
    private_model(context, examined_dataset_id)
    model = private_model(context, examined_dataset_id, "ldm")
    reported = model.card.differential_privacy
    assert reported.label.startswith("certified-dp(3, ")
    assert (reported.method, reported.steps, reported.unit) == ("dp_sgd", 4, "patient")
    assert reported.sample_rate == pytest.approx(min(1, 8 / reported.num_patients))
    spent = [PrivacyCost(reported.sigma, reported.sample_rate, reported.steps)]
    assert 2.7 < epsilon_by_prv(spent, reported.delta) <= 3.0
    assert reported.cross_check.epsilon > 2.7
    assert reported.runs.count == 2
    assert 3.0 < reported.runs.epsilon < 6.0
    assert model.card.white_box is None  # which would ask the images a second time

    job = finished(context, submit_generation(context, model.id, "ldm"))
    made = context.records.releases.synthetic_set(job.result.synthetic_set_id)
    with zipfile.ZipFile(context.artifacts.path(made.zip.key)) as archive:
        assert json.loads(archive.read("certificate.json"))["label"] == reported.label


@pytest.mark.parametrize("family", METHODS)
def test_with_the_mechanism_shut_a_private_model_knows_nothing_of_the_images(
    context, few_public_images, monkeypatch, family
):
    """Two datasets without an image in common: the weights, the samples, the log are the same."""
    monkeypatch.setattr(
        PoissonGaussianMechanism, "noisy_sum", lambda self, _: _numbers(self.release.num_values)
    )
    monkeypatch.setattr(
        GaussianMechanism,
        "noisy_sum",
        lambda self, name, vectors, share: _counted(self, name, next(iter(vectors)), share),
    )
    made, previews = [], []
    for seed in (1, 2):
        source = {"phantom": {"class_counts": COUNTS, "image_size": 64, "seed": seed}}
        dataset_id = finished(context, submit_ingest(context, source)).result.dataset_id
        model = private_model(context, dataset_id, family)
        folder = context.artifacts.path(model.snapshot.key).parent
        log = list(context.records.jobs.events(model.job_id))
        found = [event.data for event in log if event.kind is EventKind.DIAGNOSIS]
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        made.append((files, found, model.card.diagnosis))
        samples = (event.data for event in log if event.kind is EventKind.SAMPLE)
        previews.append({data["images_seen"]: data for data in samples})
    assert made[0] == made[1]
    assert "samples.png" in made[0][0]
    of_one, of_other = previews  # the clock has a say in when there are any
    assert all(of_one[seen] == of_other[seen] for seen in of_one.keys() & of_other.keys())


def _counted(mechanism, name, rows, share):
    """Give the same numbers whatever the images are; the first sum is divided by their number."""
    sigma = 1 / (mechanism.mu * math.sqrt(share))
    mechanism.releases.append(ReleasedSum(name, sigma, rows.shape[1]))
    return _numbers(rows.shape[1], len(mechanism.releases) - 1)


def _numbers(num_values, last=1):
    return torch.linspace(0, last, num_values, dtype=torch.float64)


def test_a_dataset_whose_files_are_gone_is_named(context, dataset_id):
    context.artifacts.delete(context.records.catalog.dataset(dataset_id).artifact.key)
    job = finished(context, submit_training(context, dataset_id))
    assert (job.state, job.error.code) == (JobState.FAILED, "artifact_missing")
    assert dataset_id in job.error.detail
