"""One job from claim to commit, in this process: real database, real files, real models."""

import errno
import json
import math
import os
import signal
import threading
import time
import warnings
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.config import Circumstances
from models.diagnosis import Finding
from models.presets import resolve_config
from models.privacy.accounting import Spending, epsilon_by_prv
from models.privacy.mechanism import GaussianMechanism, Release
from models.privacy.sampled_sums import SampledSums
from models.registry import FAMILIES, sampler_class
from models.seeding import image_seed
from models.training.checkpoints import file_digest
from models.training.watch import Watch
from radiographs.folds import Fold
from radiographs.keyed_hash import published_version
from radiographs.phantom import draw as draw_phantom
from radiographs.pixel_store import PixelStore
from release.privacy.calibration import Calibration
from release.privacy.power import NUMS_EXAMINED
from service.adapters.clock import SystemClock
from service.adapters.local_artifacts import LocalArtifacts
from service.adapters.memory import MemoryQueue
from service.adapters.sql_engine import open_engine
from service.adapters.sql_migrate import migrate
from service.adapters.sql_records import SqlRecords
from service.domain.clearance import Clearance
from service.domain.extractors import SuppliedExtractor
from service.domain.identifiers import new_id
from service.domain.job import EventKind, Job, JobKind, JobState
from service.domain.references import ArtifactRef, Dataset, DatasetState, SyntheticSet
from service.domain.verdict import Outcome, Verdict
from service.settings import Settings
from workers import runner
from workers.generate import model_cache as warm_models
from workers.generate import sampling as drawing
from workers.runner import answer_doorbell, ring_for_waiting, run_job
from workers.runtime.context import Workplace
from workers.train import job as training
from workers.train import public_images

COUNTS = {"normal": 72, "effusion": 48}


@contextmanager
def opened(folder):
    settings = Settings(data_dir=folder, heartbeat_seconds=0.02, checkpoint_interval_seconds=0.05)
    engine = open_engine(settings.resolved_database_url)
    migrate(engine)
    (folder / "keys").mkdir()
    (folder / "keys" / "folds.key").write_bytes(b"k" * 32)  # so that every run splits alike
    clock = SystemClock()
    yield Workplace("tester", settings, SqlRecords(engine, clock), LocalArtifacts(folder), clock)
    engine.dispose()


@pytest.fixture
def workplace(tmp_path):
    with opened(tmp_path) as workplace:
        yield workplace


def submit(workplace, kind, request, dataset=None):
    job = Job(new_id("job"), kind, kind.queue, JobState.QUEUED, request, datetime.now(UTC))
    if dataset:
        dataset = replace(dataset, job_id=job.id)
    return workplace.records.submit(job, dataset=dataset).id


def submit_ingest(workplace, source=None, image_size=64):
    source = source or {"phantom": {"class_counts": COUNTS, "image_size": 64, "seed": 0}}
    dataset = Dataset(
        new_id("ds"), "images", DatasetState.INGESTING, source, datetime.now(UTC), job_id=""
    )
    request = {
        "dataset_id": dataset.id,
        "name": "images",
        "source": source,
        "image_size": image_size,
        "fit": "pad",
        "bit_depth": None,
    }
    return submit(workplace, JobKind.INGEST, request, dataset)


def submit_training(workplace, dataset_id, family="vae", images=128, **changes):
    config = resolve_config(family, "tiny", {}, Circumstances(64)).model_dump(mode="json")
    request = {
        "dataset_id": dataset_id,
        "family": family,
        "image_size": 64,
        "preset": "tiny",
        "config": config,
        "budget": {"images": images},
        "seed": 1,
        **changes,
    }
    return submit(workplace, JobKind.TRAIN, request)


def submit_generation(workplace, model_id, family="vae", seed=5, **more):
    request = {
        "model_id": model_id,
        "class_counts": {"normal": 3, "effusion": 9},
        "seed": seed,
        "sampler": sampler_class(family)().model_dump(mode="json"),
        "format": "png",
        **more,
    }
    return submit(workplace, JobKind.GENERATE, request)


def finished(workplace, job_id):
    run_job(job_id, workplace)
    return workplace.records.job(job_id)


@pytest.fixture
def dataset_id(workplace):
    return finished(workplace, submit_ingest(workplace)).result.dataset_id


@pytest.fixture
def nothing_dropped(monkeypatch):
    """Let the gate drop no image: drawing is looked at, not what of so few patients is left."""
    monkeypatch.setattr(Calibration, "flagged", lambda _, near: near["pixels"] < 0)
    monkeypatch.setattr("release.panel.exposed", lambda *_: np.array([], np.int64))


def files_under(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_ingested_dataset_is_ready_and_split(workplace, dataset_id):
    dataset = workplace.records.dataset(dataset_id)
    assert dataset.state is DatasetState.READY
    assert {label: split.images for label, split in dataset.classes.items()} == COUNTS
    for split in dataset.classes.values():
        assert split.utility / split.images >= 0.15
        assert split.audit_out >= 1
        assert split.held_out == split.utility + split.audit_out
        assert split.train == split.images - split.held_out >= split.audit_in
    assert dataset.artifact.sha256 == dataset.fingerprint
    key = (workplace.settings.data_dir / "keys" / "folds.key").read_bytes()
    assert dataset.version == published_version(key, dataset.fingerprint)


def test_the_same_images_are_split_alike_every_time(workplace, dataset_id):
    again = finished(workplace, submit_ingest(workplace)).result.dataset_id
    first, second = map(workplace.records.dataset, (dataset_id, again))
    assert first.version == second.version
    assert file_digest(workplace.artifacts.path(first.artifact.key) / "images.npz") == file_digest(
        workplace.artifacts.path(second.artifact.key) / "images.npz"
    )


@pytest.mark.parametrize("key", [None, bytes(32), b"short"])
def test_images_are_not_split_under_another_key_once_one_was_lost(workplace, dataset_id, key):
    """A held-out image would be trained on; what is ingested already needs the key no more."""
    file = workplace.settings.data_dir / "keys" / "folds.key"
    kept = file.read_bytes()
    if key is None:
        file.unlink()
    else:
        file.write_bytes(key)
    refused = finished(workplace, submit_ingest(workplace))
    assert (refused.state, refused.error.code) == (JobState.FAILED, "fold_key_lost")
    assert finished(workplace, submit_training(workplace, dataset_id)).state is JobState.SUCCEEDED
    file.write_bytes(kept)
    workplace.records.retry(refused.id)
    assert finished(workplace, refused.id).state is JobState.SUCCEEDED


def test_images_are_not_split_without_the_ledger_once_there_was_one(workplace, dataset_id):
    file = workplace.settings.data_dir / "keys" / "identities.npz"
    kept = file.read_bytes()
    file.unlink()
    refused = finished(workplace, submit_ingest(workplace))
    assert (refused.state, refused.error.code) == (JobState.FAILED, "fold_key_lost")
    assert "identities.npz" in refused.error.detail
    file.write_bytes(kept)
    workplace.records.retry(refused.id)
    assert finished(workplace, refused.id).state is JobState.SUCCEEDED


def test_a_training_is_watched_and_names_the_budget_that_may_be_enough(
    workplace, dataset_id, monkeypatch
):
    """The first image of each patient who had a coin, as often as the watch is due."""
    seen = iter([0.5, 1.5])
    often = partial(Watch, max_share=1e9)
    monkeypatch.setattr("workers.train.membership_audit.MIN_PATIENTS", 4)
    monkeypatch.setattr("workers.train.membership_audit.Watch", often)
    monkeypatch.setattr("models.training.watch.standard_errors", lambda *_: next(seen, 3.0))
    monkeypatch.setattr("workers.train.membership_audit.standard_errors", lambda *_: 4.0)
    job = finished(workplace, submit_training(workplace, dataset_id))
    card = workplace.records.model(job.result.model_id).card
    told = card["memorisation"]
    assert (told["standard_errors"], told["threshold"]) == (4.0, 2.33)
    assert [look["standard_errors"] for look in told["looks"]][:3] == [0.5, 1.5, 3.0]
    last_clean = told["looks"][1]["images_seen"]
    [found] = [each for each in card["diagnosis"] if each["code"] == "overfitting"]
    assert f"a budget of about {last_clean:,} images" in found["fix"]
    log = [event.data for event in workplace.records.events(job.id) if event.kind == EventKind.LOG]
    assert [line["code"] for line in log] == ["overfitting"]
    assert all("loss" in point for point in card["learning_curve"])


def test_a_training_queued_before_the_folds_says_to_ingest_again(workplace, dataset_id):
    dataset = workplace.records.dataset(dataset_id)
    about = workplace.artifacts.path(dataset.artifact.key) / "store.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "format": 1}))
    refused = finished(workplace, submit_training(workplace, dataset_id))
    assert refused.error.code == "dataset_outdated"
    assert "Ingest them again" in refused.error.detail


@pytest.mark.usefixtures("nothing_dropped")
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_trains_and_generates(workplace, dataset_id, family):
    trained = finished(workplace, submit_training(workplace, dataset_id, family))
    assert trained.state is JobState.SUCCEEDED, trained.error
    model = workplace.records.model(trained.result.model_id)
    assert model.classes == ("effusion", "normal")
    assert model.images_seen >= 128

    generated = finished(workplace, submit_generation(workplace, model.id, family))
    assert generated.state is JobState.SUCCEEDED, generated.error
    made = workplace.records.synthetic_set(generated.result.synthetic_set_id)
    assert made.num_images == 12
    assert str(made.verdict) == "inconclusive(power)"  # of so few patients nothing can be said
    with zipfile.ZipFile(workplace.artifacts.path(made.zip.key)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.testzip() is None
    assert manifest["synthetic_set_id"] == made.id
    assert [line["label"] for line in images_of(manifest)] == ["effusion"] * 9 + ["normal"] * 3


@pytest.fixture
def corners(tmp_path):
    """A network that an operator supplies: it sees four corners of an image."""
    path = tmp_path / "corners.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather have other formats
        torch.jit.script(Corners()).save(str(path))
    return SuppliedExtractor("corners", "torchscript", path)


class Corners(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x.float(), 2).flatten(1)


@pytest.mark.usefixtures("nothing_dropped")
def test_a_set_is_compared_by_the_networks_that_its_request_was_accepted_with(
    workplace, dataset_id, corners
):
    trained = finished(workplace, submit_training(workplace, dataset_id))
    asked = {"extractors": {"corners": corners.identity()}, "class_counts": {"normal": 12}}
    supplied = workplace.settings.model_copy(update={"extractors": (corners,)})
    equipped = replace(workplace, settings=supplied)
    job = finished(equipped, submit_generation(workplace, trained.result.model_id, **asked))
    assert job.state is JobState.SUCCEEDED, job.error
    made = workplace.records.synthetic_set(job.result.synthetic_set_id)
    page = workplace.artifacts.path(made.report.key)
    assert "corners" in page.read_text()
    [further] = json.loads(page.with_suffix(".json").read_bytes())["further_fidelity"]
    assert further["extractor"]["sha256"] == corners.identity()["sha256"]
    [row] = [row for row in further["rows"] if row["label"] == "normal"]
    assert row["kid"]["low"] <= row["kid"]["value"] <= row["kid"]["high"]
    assert row["kid_floor"] is not None


def test_a_worker_without_the_network_says_what_its_operator_mends(workplace, dataset_id, corners):
    trained = finished(workplace, submit_training(workplace, dataset_id))
    asked = {"extractors": {"corners": corners.identity()}}
    other = replace(corners, path=corners.path.with_name("other.pt"))
    other.path.write_bytes(b"another")
    for supplied, why in [((), "do not name it"), ((other,), "is not the file")]:
        settings = workplace.settings.model_copy(update={"extractors": supplied})
        job_id = submit_generation(workplace, trained.result.model_id, **asked)
        job = finished(replace(workplace, settings=settings), job_id)
        assert (job.state, job.error.code) == (JobState.FAILED, "extractor_unavailable")
        assert job.error.retryable
        assert why in job.error.detail


def images_of(manifest):
    return [line for line in manifest["files"] if line["path"].endswith(".png")]


def manifest_of(workplace, job):
    made = workplace.records.synthetic_set(job.result.synthetic_set_id)
    return made, json.loads(workplace.artifacts.path(made.manifest.key).read_bytes())


@pytest.mark.usefixtures("nothing_dropped")
@pytest.mark.parametrize("family", FAMILIES)
def test_mixtures_and_ways_join_a_set_without_changing_its_images_or_its_classes(
    workplace, dataset_id, family
):
    """The ends of a way are the very images whose seeds it names."""
    trained = finished(workplace, submit_training(workplace, dataset_id, family))
    model_id = trained.result.model_id
    plain = finished(workplace, submit_generation(workplace, model_id, family))
    _, before = manifest_of(workplace, plain)
    first, last = images_of(before)[:2]  # effusions, drawn with the seed 5
    job = finished(
        workplace,
        submit_generation(
            workplace,
            model_id,
            family,
            mixtures=[{"weights": {"effusion": 0.6, "normal": 0.4}, "count": 2}],
            interpolate=[
                {
                    "label": "effusion",
                    "from_seed": image_seed(5, 0),
                    "to_seed": image_seed(5, 1),
                    "steps": 5,
                }
            ],
        ),
    )
    made, manifest = manifest_of(workplace, job)
    assert (made.num_images, sum(made.class_counts.values())) == (19, 12)
    assert made.unlabelled_counts == {"mixture": 2, "interpolation": 5}
    lines = images_of(manifest)
    assert lines[:12] == images_of(before)
    assert [line["kind"] for line in lines[12:]] == ["mixture"] * 2 + ["interpolation"] * 5
    assert not any("label" in line for line in lines[12:])
    way = lines[14:]
    assert [line["position"] for line in way] == [0, 0.25, 0.5, 0.75, 1]
    assert {line["from_seed_hash"] for line in way} == {first["seed_hash"]}
    assert {line["to_seed_hash"] for line in way} == {last["seed_hash"]}
    assert (way[0]["sha256"], way[-1]["sha256"]) == (first["sha256"], last["sha256"])
    assert len({line["sha256"] for line in way}) == 5
    assert {of_class["rejected"] for of_class in manifest["classes"].values()} == {0}
    limits = " ".join(manifest["limitations"])
    assert "depend on each other" in limits
    assert "together with further images" in limits


@pytest.fixture(scope="module")
def thousand_phantoms(tmp_path_factory):
    """A place with one dataset, of which every model of the module learns."""
    source = {"class_counts": {"normal": 500, "effusion": 500}, "image_size": 64, "seed": 0}
    with opened(tmp_path_factory.mktemp("phantoms")) as workplace:
        job = finished(workplace, submit_ingest(workplace, {"phantom": source}))
        yield workplace, job.result.dataset_id


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("share", [0, 0.1])
def test_a_model_that_replays_its_images_is_refused_and_no_image_of_the_set_is_kept(
    thousand_phantoms, monkeypatch, share, family
):
    """Images that are drawn from real ones nobody trained on stand for a model that copies none."""
    workplace, dataset_id = thousand_phantoms
    store = PixelStore.open(
        workplace.artifacts.path(workplace.records.dataset(dataset_id).artifact.key)
    )
    fresh, trained = store.images_of(Fold.UTILITY), store.images_of(Fold.REMAINDER)

    def replay(model, draws, sampler):
        rng = np.random.default_rng(len(draws))
        for draw in draws:
            copied = rng.random() < share
            images = trained if copied else fresh
            [label] = draw.weights
            of_class = images.pixels[images.labels == label]
            yield of_class[rng.integers(len(of_class), size=1)]

    # another seed, another model: sets of the same weights are counted together
    training = submit_training(workplace, dataset_id, family, seed=1 + round(10 * share))
    model_id = finished(workplace, training).result.model_id
    monkeypatch.setattr(drawing, "draw_pixels", replay)
    counts = {"normal": 60, "effusion": 60}
    job = finished(workplace, submit_generation(workplace, model_id, family, class_counts=counts))
    assert job.state is JobState.SUCCEEDED, job.error
    made = workplace.records.synthetic_set(job.result.synthetic_set_id)
    kept = files_under(workplace.artifacts.path(made.report.key).parent)
    if share:
        assert str(made.verdict) == "refused(memorises)"
        assert made.verdict.remedies
        assert (made.zip, made.manifest, made.num_images) == (None, None, 0)
        assert kept == ["findings.json", "report.html", "report.json"]
        report = workplace.artifacts.path(made.report.key).read_text()
        assert "data:image" not in report
    else:
        assert str(made.verdict) == "inconclusive(power)"
        assert {"set.zip", "manifest.json"} < set(kept)


def test_a_set_of_which_every_image_was_dropped_says_so_whatever_the_power(
    workplace, dataset_id, monkeypatch
):
    """Those drawn beside the twelve asked for, to examine them by, are kept and are none of it."""
    monkeypatch.setattr(Calibration, "flagged", lambda _, near: np.arange(len(near["pixels"])) < 12)
    monkeypatch.setattr("release.panel.exposed", lambda *_: np.array([], np.int64))
    model_id = finished(workplace, submit_training(workplace, dataset_id)).result.model_id
    job = finished(workplace, submit_generation(workplace, model_id))
    made = workplace.records.synthetic_set(job.result.synthetic_set_id)
    assert str(made.verdict) == "inconclusive(nothing_left)"
    assert made.zip is None


def test_a_refused_model_does_not_pass_by_being_asked_again(workplace, dataset_id, monkeypatch):
    """With another seed and an honest set; the first one, its job and its set are deleted."""
    store = PixelStore.open(
        workplace.artifacts.path(workplace.records.dataset(dataset_id).artifact.key)
    )
    copied = store.images_of(Fold.REMAINDER).pixels
    model_id = finished(workplace, submit_training(workplace, dataset_id)).result.model_id
    with monkeypatch.context() as patched:
        copies = (copied[[k % len(copied)]] for k in range(10**6))
        patched.setattr(drawing, "draw_pixels", lambda _, draws, __: [next(copies) for _ in draws])
        job = finished(workplace, submit_generation(workplace, model_id))
    made = workplace.records.synthetic_set(job.result.synthetic_set_id)
    assert str(made.verdict) == "refused(memorises)"
    workplace.records.delete_synthetic_set(made.id)
    workplace.records.delete_job(job.id)

    job = finished(workplace, submit_generation(workplace, model_id, seed=6))
    again = workplace.records.synthetic_set(job.result.synthetic_set_id)
    assert str(again.verdict) == "refused(refused_before)"
    report = json.loads(
        workplace.artifacts.path(again.report.key).with_suffix(".json").read_bytes()
    )
    assert report["set"]["examination"] == {"number": 2, "at_most": 50}
    first, second = workplace.records.examined_sets(model_id)
    assert first.tally["all"]["num_images"] >= min(NUMS_EXAMINED)
    assert (first.refused, second.refused) == (True, True)

    settings = workplace.settings.model_copy(update={"max_examinations_per_model": 2})
    last = submit_generation(workplace, model_id, seed=7)
    spent = finished(replace(workplace, settings=settings), last)
    assert (spent.state, spent.error.code) == (JobState.FAILED, "examinations_spent")


def write_images(folder, labels):
    """Write phantoms as files, each class under the name it has in `labels`."""
    for label, name in labels.items():
        (folder / name).mkdir(parents=True)
        for number in range(40):
            image = draw_phantom(label, seed=0, index=2 * number + (label == "normal"), size=128)
            Image.fromarray(image.pixels).save(folder / name / f"{number}.png")
    return {"path": str(folder)}


def test_a_release_counts_for_the_same_patients_whatever_their_dataset_is_like(workplace, tmp_path):
    """One image fewer, a renamed class, twice the size; and the first dataset is deleted."""
    source = write_images(tmp_path / "first", {"normal": "normal", "effusion": "effusion"})
    first = finished(workplace, submit_ingest(workplace, source)).result.dataset_id
    made = released_set(workplace, first)
    other = write_images(tmp_path / "other", {"normal": "No Finding", "effusion": "effusion"})
    (tmp_path / "other" / "effusion" / "7.png").unlink()
    workplace.records.delete_dataset(first)
    for size in (64, 128):
        job = finished(workplace, submit_ingest(workplace, other, size))
        again = workplace.records.releases(job.result.dataset_id)
        assert [each.id for each in again] == [made.id]


def released_set(workplace, dataset_id):
    """Record a set that left the building."""
    job_id = submit(workplace, JobKind.GENERATE, {"dataset_id": dataset_id})
    claim = workplace.records.claim(job_id, worker="w", lease_seconds=30).claim_held
    page, findings = (ArtifactRef(f"synthetic-sets/syn_1-0/{name}", "0" * 64, 1) for name in "ab")
    made = SyntheticSet(
        id="syn_1",
        model_id="mdl_1",
        job_id=job_id,
        num_images=0,
        class_counts={},
        zip=None,
        manifest=None,
        created_at=datetime.now(UTC),
        dataset_id=dataset_id,
        verdict=Verdict(Outcome.PASSED),
        report=page,
        findings=findings,
    )
    workplace.records.succeed(claim, synthetic_set=made)
    return made


def test_same_request_after_deletion_gives_the_same_bytes(workplace, dataset_id):
    trained = finished(workplace, submit_training(workplace, dataset_id))
    sets = []
    for _ in range(2):
        generated = finished(workplace, submit_generation(workplace, trained.result.model_id))
        made = workplace.records.synthetic_set(generated.result.synthetic_set_id)
        sets.append((made.id, made.zip.sha256))
        workplace.records.delete_synthetic_set(made.id)
        workplace.artifacts.delete(made.zip.key.rsplit("/", 1)[0])
    assert sets[0] == sets[1]


def test_a_set_from_a_kept_model_has_the_bytes_of_one_from_a_model_just_loaded(
    workplace, dataset_id, monkeypatch
):
    trained = finished(workplace, submit_training(workplace, dataset_id))
    model_id = trained.result.model_id
    loads = []
    load = warm_models.load_snapshot
    monkeypatch.setattr(
        warm_models, "load_snapshot", lambda *given: loads.append(given) or load(*given)
    )
    zips = []
    for seed in (5, 6, 5):
        job = finished(workplace, submit_generation(workplace, model_id, seed=seed))
        made = workplace.records.synthetic_set(job.result.synthetic_set_id)
        zips.append(made.zip.sha256)
        workplace.records.delete_synthetic_set(made.id)
    assert len(loads) == 1
    assert zips[0] == zips[2] != zips[1]


def test_a_model_whose_weights_were_taken_away_is_not_drawn_from(workplace, dataset_id):
    trained = finished(workplace, submit_training(workplace, dataset_id))
    model = workplace.records.model(trained.result.model_id)
    first = finished(workplace, submit_generation(workplace, model.id, seed=5))
    assert first.state is JobState.SUCCEEDED
    workplace.artifacts.delete(f"models/{model.id}")
    second = finished(workplace, submit_generation(workplace, model.id, seed=6))
    assert second.error.code == "artifact_missing"


@pytest.mark.parametrize("error", [MemoryError, torch.OutOfMemoryError])
def test_kept_models_make_way_once_when_memory_runs_out(workplace, dataset_id, monkeypatch, error):
    trained = finished(workplace, submit_training(workplace, dataset_id))
    model_id = trained.result.model_id
    draw, failures = drawing.draw_pixels, 1

    def scarce(*given):
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise error
        return draw(*given)

    monkeypatch.setattr(drawing, "draw_pixels", scarce)
    job = finished(workplace, submit_generation(workplace, model_id, seed=5))
    assert job.state is JobState.SUCCEEDED
    failures = 2
    job = finished(workplace, submit_generation(workplace, model_id, seed=6))
    assert job.error.code == "out_of_memory"
    assert failures == 0


def test_stale_doorbell_does_nothing(workplace, dataset_id):
    job_id = submit_training(workplace, dataset_id, images=8)
    first = finished(workplace, job_id)
    assert finished(workplace, job_id) == first
    run_job(new_id("job"), workplace)


def test_a_stale_doorbell_is_spent_on_the_oldest_job_that_waits(workplace, dataset_id):
    done = submit_training(workplace, dataset_id, images=8)
    finished(workplace, done)
    first, second = (submit_training(workplace, dataset_id, images=8) for _ in range(2))
    for waits in ([first, second], [second], []):
        assert [job.id for job in workplace.records.queued_jobs("gpu.train")] == waits
        answer_doorbell(done, ["cpu.ingest", "gpu.train"], workplace)
    assert workplace.records.job(second).state is JobState.SUCCEEDED


def test_a_doorbell_runs_the_job_it_names_and_no_other(workplace, dataset_id):
    first, second = (submit_training(workplace, dataset_id, images=8) for _ in range(2))
    answer_doorbell(second, ["gpu.train"], workplace)
    assert workplace.records.job(first).state is JobState.QUEUED
    answer_doorbell(second, ["gpu.generate"], workplace)
    assert workplace.records.job(first).state is JobState.QUEUED


def test_a_fresh_process_rings_once_for_what_waits_in_its_queues(workplace, dataset_id):
    bell = MemoryQueue()
    ring_for_waiting(["gpu.train"], workplace, bell)
    assert bell.rings == []
    first, _ = (submit_training(workplace, dataset_id, images=8) for _ in range(2))
    ring_for_waiting(["cpu.ingest"], workplace, bell)
    ring_for_waiting(["cpu.ingest", "gpu.train"], workplace, bell)
    assert bell.rings == [("gpu.train", first)]


def test_finished_job_leaves_nothing_behind(workplace, dataset_id, tmp_path):
    finished(workplace, submit_training(workplace, dataset_id))
    assert files_under(tmp_path / "staging") == []
    assert files_under(tmp_path / "artifacts" / "checkpoints") == []


def test_cancelled_training_stops_and_keeps_its_last_checkpoint(workplace, dataset_id, tmp_path):
    job_id = submit_training(workplace, dataset_id, images=10_000_000)
    worker = threading.Thread(target=run_job, args=(job_id, workplace))
    worker.start()
    while not list(tmp_path.glob(f"artifacts/checkpoints/{job_id}/*.json")):
        time.sleep(0.02)
    workplace.records.request_cancel(job_id)
    worker.join()
    assert workplace.records.job(job_id).state is JobState.CANCELLED
    assert list(tmp_path.glob(f"artifacts/checkpoints/{job_id}/*.json"))
    assert not list(tmp_path.glob("artifacts/models/*"))


def test_attempt_that_lost_its_lease_writes_nothing_more(workplace, dataset_id, tmp_path):
    """As when a paused machine wakes up after another worker has taken over."""
    job_id = submit_training(workplace, dataset_id, images=10_000_000)
    worker = threading.Thread(target=run_job, args=(job_id, workplace))
    worker.start()
    while not list(tmp_path.glob(f"artifacts/checkpoints/{job_id}/*.json")):
        time.sleep(0.02)
    while not (moved := workplace.records.expire_leases(datetime(2100, 1, 1, tzinfo=UTC))):
        time.sleep(0.02)
    worker.join()
    assert [job.id for job in moved] == [job_id]
    job = workplace.records.job(job_id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 1)
    assert not list(tmp_path.glob("artifacts/models/*"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_fails_the_job_by_name_and_shows_nothing(
    workplace, dataset_id, tmp_path, monkeypatch, code
):
    trained = finished(workplace, submit_training(workplace, dataset_id, images=8))
    before = files_under(tmp_path / "artifacts")
    real = os.fsync

    def full(descriptor):
        if "staging" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    job = finished(workplace, submit_generation(workplace, trained.result.model_id))
    assert job.state is JobState.FAILED
    assert job.error.code == "storage_full"
    assert job.error.retryable
    assert files_under(tmp_path / "artifacts") == before
    assert files_under(tmp_path / "staging") == []
    assert workplace.records.synthetic_sets().items == []


def test_refused_ingest_names_the_reason_and_drops_the_upload(workplace, tmp_path):
    source = {"phantom": {"class_counts": {"normal": 24}, "image_size": 64, "seed": 0}}
    job = finished(workplace, submit_ingest(workplace, source))
    assert job.state is JobState.FAILED
    assert job.error.code == "single_class"
    assert workplace.records.dataset(job.request["dataset_id"]).state is DatasetState.FAILED
    assert files_under(tmp_path / "artifacts") == []


def test_unforeseen_error_is_recorded_without_its_details(workplace, monkeypatch):
    def broken(attempt):
        raise KeyError("a patient's name")

    monkeypatch.setattr(runner, "WORK", {JobKind.INGEST: broken})
    job = finished(workplace, submit_ingest(workplace))
    assert job.state is JobState.FAILED
    assert job.error.code == "internal_error"
    assert "patient" not in job.error.detail


def test_progress_and_losses_enter_the_log(workplace, dataset_id):
    job = finished(workplace, submit_training(workplace, dataset_id))
    kinds = {event.kind for event in workplace.records.events(job.id)}
    assert {"state", "progress", "metrics", "checkpoint", "done"} <= kinds
    curve = workplace.records.model(job.result.model_id).card["learning_curve"]
    assert curve[-1]["images_seen"] == 128
    assert math.isfinite(curve[-1]["loss"])


def test_findings_are_in_the_log_and_on_the_model_s_card(workplace, dataset_id, monkeypatch):
    found = Finding("memorising", "Images come out again.", "Train on more images.")
    monkeypatch.setattr(training, "memorising", lambda *images: found)
    job = finished(workplace, submit_training(workplace, dataset_id, images=32))
    [told] = [event for event in workplace.records.events(job.id) if event.kind == "diagnosis"]
    expected = told.data["findings"]
    assert "memorising" in [each["code"] for each in expected]
    assert workplace.records.model(job.result.model_id).card["diagnosis"] == expected


@pytest.mark.parametrize("budget", [{"images": 600}, {"seconds": 6}])
def test_expected_time_is_in_the_log_before_the_first_update(workplace, dataset_id, budget):
    job_id = submit_training(workplace, dataset_id, budget=budget)
    began = time.monotonic()
    job = finished(workplace, job_id)
    took = time.monotonic() - began
    events = [event for event in workplace.records.events(job.id) if event.kind != "state"]
    [at] = [index for index, event in enumerate(events) if event.kind == "plan"]
    assert all(event.data["images_seen"] == 0 for event in events[:at])
    told = events[at].data
    assert [stage["stage"] for stage in told["stages"]] == ["autoencoder"]
    assert job.progress.expected_seconds == told["expected_seconds"]
    assert took / 3 < told["expected_seconds"] < 3 * took


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


def ranks():
    """Processes of a training that this one leads."""
    named = {pid: Path(f"/proc/{pid}/cmdline") for pid in children_of(os.getpid())}
    return [pid for pid, name in named.items() if name.exists() and b"rank" in name.read_bytes()]


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
def test_training_on_two_devices_makes_a_model_and_leaves_no_process(workplace, dataset_id):
    job = finished(workplace, submit_training(workplace, dataset_id, num_devices=2))
    assert job.state is JobState.SUCCEEDED, job.error
    model = workplace.records.model(job.result.model_id)
    assert (model.images_seen, model.card["num_devices"]) == (128, 2)
    assert ranks() == []


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads /proc")
@pytest.mark.parametrize("ending", ["killed", "cancelled"])
def test_training_on_two_devices_ends_when_one_is_lost_and_when_cancelled(
    workplace, dataset_id, tmp_path, ending
):
    job_id = submit_training(workplace, dataset_id, images=10_000_000, num_devices=2)
    worker = threading.Thread(target=run_job, args=(job_id, workplace))
    worker.start()
    while not list(tmp_path.glob(f"artifacts/checkpoints/{job_id}/*.json")):
        time.sleep(0.02)
    [other] = ranks()
    began = time.monotonic()
    if ending == "killed":
        os.kill(other, signal.SIGKILL)
    else:
        workplace.records.request_cancel(job_id)
    worker.join(timeout=20)
    job = workplace.records.job(job_id)
    assert time.monotonic() - began < 10
    assert ranks() == []
    if ending == "killed":
        assert (job.state, job.error.code) == (JobState.FAILED, "device_lost")
        assert job.error.retryable
    else:
        assert job.state is JobState.CANCELLED


def test_more_devices_than_the_worker_has_are_refused_by_name(workplace, dataset_id):
    job = finished(workplace, submit_training(workplace, dataset_id, num_devices=16))
    assert (job.state, job.error.code) == (JobState.FAILED, "devices_unavailable")


METHODS = {"vae": "mixture", "ldm": "dp_sgd"}
FEW_UPDATES = {"private_updates": 4, "private_batch_size": 8, "private_draws": 2}


def privately(family):
    terms = {"epsilon": 3.0, "delta": None, "max_grad_norm": 1.0, "method": METHODS[family]}
    return {"differential_privacy": terms}


@pytest.fixture
def few_public_images(monkeypatch):
    monkeypatch.setattr(public_images, "NUM_IMAGES", 48)


def private_model(workplace, dataset_id, family="vae"):
    overrides = FEW_UPDATES if family == "ldm" else {}
    config = resolve_config(family, "tiny", overrides, Circumstances(64, private=True))
    asked = {"privacy": privately(family), "config": config.model_dump(mode="json")}
    job = finished(workplace, submit_training(workplace, dataset_id, family, **asked))
    assert job.state is JobState.SUCCEEDED, job.error
    return workplace.records.model(job.result.model_id)


def test_a_private_training_accounts_for_itself_and_for_the_runs_before_it(
    workplace, dataset_id, few_public_images
):
    model = private_model(workplace, dataset_id)
    told = model.card["differential_privacy"]
    assert told["delta"] == 1 / (10 * told["num_patients"])
    assert told["label"].startswith("certified-dp(3, ")
    assert told["unit"] == "patient"
    assert 3.0 <= told["cross_check"]["epsilon"] < 3.5
    assert told["runs"]["count"] == 1
    assert told["runs"]["epsilon"] == pytest.approx(3.0)

    again = private_model(workplace, dataset_id).card["differential_privacy"]
    assert again["runs"]["count"] == 2
    assert 4.2 < again["runs"]["epsilon"] < 6.0  # less than the sum: the mechanism is Gaussian


def test_weights_of_a_private_training_may_leave_and_of_another_of_few_patients_not(
    workplace, dataset_id, few_public_images
):
    model = private_model(workplace, dataset_id)
    assert Clearance.of(model, []).ground == "differential_privacy"
    weights = workplace.artifacts.path(model.snapshot.key)
    assert model.card["weights_sha256"] == file_digest(weights)
    assert "differential privacy" in model.card["memorisation"]["none"]

    trained = finished(workplace, submit_training(workplace, dataset_id))
    other = workplace.records.model(trained.result.model_id)
    assert "white_box" in other.card
    assert not Clearance.of(other, []).may_leave


@pytest.mark.usefixtures("nothing_dropped")
def test_noisy_gradients_account_for_themselves_and_for_other_runs_in_card_and_set(
    workplace, dataset_id, few_public_images
):
    private_model(workplace, dataset_id)
    model = private_model(workplace, dataset_id, "ldm")
    told = model.card["differential_privacy"]
    assert told["label"].startswith("certified-dp(3, ")
    assert (told["method"], told["steps"], told["unit"]) == ("dp_sgd", 4, "patient")
    assert told["sample_rate"] == pytest.approx(min(1, 8 / told["num_patients"]))
    spent = [Spending(told["sigma"], told["sample_rate"], told["steps"])]
    assert 2.7 < epsilon_by_prv(spent, told["delta"]) <= 3.0
    assert told["cross_check"]["epsilon"] > 2.7
    assert told["runs"]["count"] == 2
    assert 3.0 < told["runs"]["epsilon"] < 6.0
    assert not model.card.get("white_box")  # which would ask the images a second time

    job = finished(workplace, submit_generation(workplace, model.id, "ldm"))
    made = workplace.records.synthetic_set(job.result.synthetic_set_id)
    with zipfile.ZipFile(workplace.artifacts.path(made.zip.key)) as archive:
        assert json.loads(archive.read("certificate.json"))["label"] == told["label"]


@pytest.mark.parametrize("family", METHODS)
def test_with_the_mechanism_shut_a_private_model_knows_nothing_of_the_images(
    workplace, few_public_images, monkeypatch, family
):
    """Two datasets without an image in common: the weights, the samples, the log are the same."""
    monkeypatch.setattr(SampledSums, "noisy_sum", lambda self, _: _numbers(self.release.num_values))
    monkeypatch.setattr(
        GaussianMechanism,
        "noisy_sum",
        lambda self, name, vectors, share: _counted(self, name, next(iter(vectors)), share),
    )
    made, previews = [], []
    for seed in (1, 2):
        source = {"phantom": {"class_counts": COUNTS, "image_size": 64, "seed": seed}}
        dataset_id = finished(workplace, submit_ingest(workplace, source)).result.dataset_id
        model = private_model(workplace, dataset_id, family)
        folder = workplace.artifacts.path(model.snapshot.key).parent
        log = list(workplace.records.events(model.job_id))
        found = [event.data for event in log if event.kind is EventKind.DIAGNOSIS]
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        made.append((files, found, model.card["diagnosis"]))
        samples = (event.data for event in log if event.kind is EventKind.SAMPLE)
        previews.append({data["images_seen"]: data for data in samples})
    assert made[0] == made[1]
    assert "samples.png" in made[0][0]
    of_one, of_other = previews  # the clock has a say in when there are any
    assert all(of_one[seen] == of_other[seen] for seen in of_one.keys() & of_other.keys())


def _counted(mechanism, name, rows, share):
    """Give the same numbers whatever the images are; the first sum is divided by their number."""
    sigma = 1 / (mechanism.mu * math.sqrt(share))
    mechanism.releases.append(Release(name, sigma, rows.shape[1]))
    return _numbers(rows.shape[1], len(mechanism.releases) - 1)


def _numbers(num_values, last=1):
    return torch.linspace(0, last, num_values, dtype=torch.float64)
