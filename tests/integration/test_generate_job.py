"""Generate jobs, from claim to commit: real database, real files, real models."""

import errno
import json
import os
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.registry import FAMILIES
from models.seeding import image_seed
from radiographs.splits.split import Split
from radiographs.store.pixel_store import PixelStore
from release.gate.calibration import Calibration
from release.gate.power import NUMS_EXAMINED
from service.domain.extractors import SuppliedExtractor
from service.domain.job import JobState
from service.domain.nearest_pairs import nearest_pairs_key
from service.domain.requests import Interpolation, Mixture
from tests.integration.jobs import (
    files_under,
    finished,
    opened,
    submit_generation,
    submit_ingest,
    submit_training,
)
from workers.generate import model_cache as warm_models
from workers.generate import sampling as drawing


@pytest.fixture
def dataset_id(examined_dataset_id):
    return examined_dataset_id


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
    context, dataset_id, corners
):
    trained = finished(context, submit_training(context, dataset_id))
    asked = {"extractors": {"corners": corners.identity()}, "class_counts": {"normal": 12}}
    supplied = context.settings.model_copy(update={"extractors": (corners,)})
    equipped = replace(context, settings=supplied)
    job = finished(equipped, submit_generation(context, trained.result.model_id, **asked))
    assert job.state is JobState.SUCCEEDED, job.error
    made = context.records.releases.synthetic_set(job.result.synthetic_set_id)
    page = context.artifacts.path(made.report.key)
    assert "corners" in page.read_text()
    [further] = json.loads(page.with_suffix(".json").read_bytes())["further_fidelity"]
    assert further["extractor"]["sha256"] == corners.identity().sha256
    [row] = [row for row in further["rows"] if row["label"] == "normal"]
    kid = row["synthetic"]["kid"]
    assert kid["low"] <= kid["value"] <= kid["high"]
    assert row["floor"]["kid"] is not None


def test_a_worker_without_the_network_says_what_its_operator_mends(context, dataset_id, corners):
    trained = finished(context, submit_training(context, dataset_id))
    asked = {"extractors": {"corners": corners.identity()}}
    other = replace(corners, path=corners.path.with_name("other.pt"))
    other.path.write_bytes(b"another")
    for supplied, why in [((), "do not name it"), ((other,), "is not the file")]:
        settings = context.settings.model_copy(update={"extractors": supplied})
        job_id = submit_generation(context, trained.result.model_id, **asked)
        job = finished(replace(context, settings=settings), job_id)
        assert (job.state, job.error.code) == (JobState.FAILED, "extractor_unavailable")
        assert job.error.retryable
        assert why in job.error.detail


def images_of(manifest):
    return [line for line in manifest["files"] if line["path"].endswith(".png")]


def manifest_of(context, job):
    made = context.records.releases.synthetic_set(job.result.synthetic_set_id)
    return made, json.loads(context.artifacts.path(made.manifest.key).read_bytes())


@pytest.mark.usefixtures("nothing_dropped")
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_trains_and_generates_and_further_images_change_none_of_a_class(
    context, dataset_id, family
):
    """Mixtures and ways join a set; the ends of a way are the images whose seeds it names."""
    trained = finished(context, submit_training(context, dataset_id, family))
    assert trained.state is JobState.SUCCEEDED, trained.error
    model = context.records.catalog.model(trained.result.model_id)
    assert model.classes == ("effusion", "normal")
    assert model.images_seen >= (90 if family == "ppca" else 128)  # which sees each image once

    plain = finished(context, submit_generation(context, model.id, family))
    made, before = manifest_of(context, plain)
    assert made.num_images == 12
    assert str(made.verdict) == "inconclusive(power)"  # of so few patients nothing can be said
    with zipfile.ZipFile(context.artifacts.path(made.zip.key)) as archive:
        assert archive.testzip() is None
    assert before["synthetic_set_id"] == made.id
    dataset = context.records.catalog.dataset(dataset_id)
    with Image.open(context.artifacts.path(nearest_pairs_key(dataset, made.id))) as pairs:
        assert pairs.size == (10 * (model.image_size + 2) - 2, 2 * model.image_size + 2)
    assert [line["label"] for line in images_of(before)] == ["effusion"] * 9 + ["normal"] * 3

    first, last = images_of(before)[:2]  # effusions, drawn with the seed 5
    job = finished(
        context,
        submit_generation(
            context,
            model.id,
            family,
            mixtures=(Mixture({"effusion": 0.6, "normal": 0.4}, 2),),
            interpolate=(Interpolation(image_seed(5, 0), image_seed(5, 1), 5, label="effusion"),),
        ),
    )
    made, manifest = manifest_of(context, job)
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
def many_phantoms(tmp_path_factory):
    """A place with one dataset, of which every model of the module learns."""
    source = {"class_counts": {"normal": 300, "effusion": 300}, "image_size": 64, "seed": 0}
    with opened(tmp_path_factory.mktemp("phantoms")) as context:
        job = finished(context, submit_ingest(context, {"phantom": source}))
        yield context, job.result.dataset_id


@pytest.mark.parametrize("share", [0, 0.1])
def test_a_model_that_replays_its_images_is_refused_and_no_image_of_the_set_is_kept(
    many_phantoms, monkeypatch, share
):
    """Images that are drawn from real ones nobody trained on stand for a model that copies none.

    So of which family the model is has no say in it.
    """
    context, dataset_id = many_phantoms
    store = PixelStore.open(
        context.artifacts.path(context.records.catalog.dataset(dataset_id).artifact.key)
    )
    fresh, trained = store.images_of(Split.TEST), store.images_of(Split.TRAIN)

    def replay(model, draws, sampler, threads, *, upscaled):
        rng = np.random.default_rng(len(draws))
        for draw in draws:
            copied = rng.random() < share
            images = trained if copied else fresh
            [label] = draw.weights
            of_class = images.pixels[images.labels == label]
            yield of_class[rng.integers(len(of_class), size=1)]

    # another seed, another model: sets of the same weights are counted together
    training = submit_training(context, dataset_id, seed=1 + round(10 * share))
    model_id = finished(context, training).result.model_id
    monkeypatch.setattr(drawing, "draw_pixels", replay)
    counts = {"normal": 60, "effusion": 60}
    job = finished(context, submit_generation(context, model_id, class_counts=counts))
    assert job.state is JobState.SUCCEEDED, job.error
    made = context.records.releases.synthetic_set(job.result.synthetic_set_id)
    kept = files_under(context.artifacts.path(made.report.key).parent)
    if share:
        assert str(made.verdict) == "refused(memorises)"
        assert made.verdict.remedies
        assert (made.zip, made.manifest, made.num_images) == (None, None, 0)
        pages = ["certificate.html", "certificate.json", "findings.json"]
        assert kept == [*pages, "report.html", "report.json"]
        report = context.artifacts.path(made.report.key).read_text()
        assert "data:image" not in report
    else:
        assert str(made.verdict) == "inconclusive(power)"
        assert {"set.zip", "manifest.json"} < set(kept)


def test_a_set_of_which_every_image_was_dropped_says_so_whatever_the_power(
    context, dataset_id, monkeypatch
):
    """Those drawn beside the twelve asked for, to examine them by, are kept and are none of it."""
    monkeypatch.setattr(Calibration, "flagged", lambda _, near: np.arange(len(near["pixels"])) < 12)
    nobody = np.array([], np.int64)
    monkeypatch.setattr("release.gate.filtering.over_represented", lambda *_: nobody)
    model_id = finished(context, submit_training(context, dataset_id)).result.model_id
    job = finished(context, submit_generation(context, model_id))
    made = context.records.releases.synthetic_set(job.result.synthetic_set_id)
    assert str(made.verdict) == "inconclusive(nothing_left)"
    assert made.zip is None


def test_a_refused_model_does_not_pass_by_being_asked_again(context, dataset_id, monkeypatch):
    """With another seed and an honest set; the first one, its job and its set are deleted."""
    store = PixelStore.open(
        context.artifacts.path(context.records.catalog.dataset(dataset_id).artifact.key)
    )
    copied = store.images_of(Split.TRAIN).pixels
    model_id = finished(context, submit_training(context, dataset_id)).result.model_id
    with monkeypatch.context() as patched:
        copies = (copied[[k % len(copied)]] for k in range(10**6))

        def replay(model, draws, sampler, threads, *, upscaled):
            return [next(copies) for _ in draws]

        patched.setattr(drawing, "draw_pixels", replay)
        job = finished(context, submit_generation(context, model_id))
    made = context.records.releases.synthetic_set(job.result.synthetic_set_id)
    assert str(made.verdict) == "refused(memorises)"
    context.records.releases.delete_synthetic_set(made.id)
    context.records.jobs.delete_job(job.id)

    job = finished(context, submit_generation(context, model_id, seed=6))
    again = context.records.releases.synthetic_set(job.result.synthetic_set_id)
    assert str(again.verdict) == "refused(refused_before)"
    report = json.loads(context.artifacts.path(again.report.key).with_suffix(".json").read_bytes())
    assert report["set"]["examination"] == {"number": 2, "at_most": 50}
    first, second = context.records.releases.examined_sets(model_id)
    assert first.tally["all"]["num_images"] >= min(NUMS_EXAMINED)
    assert (first.refused, second.refused) == (True, True)

    settings = context.settings.model_copy(update={"max_examinations_per_model": 2})
    last = submit_generation(context, model_id, seed=7)
    spent = finished(replace(context, settings=settings), last)
    assert (spent.state, spent.error.code) == (JobState.FAILED, "examinations_spent")


def test_same_request_after_deletion_gives_the_same_bytes(context, dataset_id):
    trained = finished(context, submit_training(context, dataset_id))
    sets = []
    for _ in range(2):
        generated = finished(context, submit_generation(context, trained.result.model_id))
        made = context.records.releases.synthetic_set(generated.result.synthetic_set_id)
        sets.append((made.id, made.zip.sha256))
        context.records.releases.delete_synthetic_set(made.id)
        context.artifacts.delete(made.zip.key.rsplit("/", 1)[0])
    assert sets[0] == sets[1]


def test_a_set_from_a_kept_model_has_the_bytes_of_one_from_a_model_just_loaded(
    context, dataset_id, monkeypatch
):
    trained = finished(context, submit_training(context, dataset_id))
    model_id = trained.result.model_id
    loads = []
    load = warm_models.load_snapshot
    monkeypatch.setattr(
        warm_models, "load_snapshot", lambda *given: loads.append(given) or load(*given)
    )
    zips = []
    for seed in (5, 6, 5):
        job = finished(context, submit_generation(context, model_id, seed=seed))
        made = context.records.releases.synthetic_set(job.result.synthetic_set_id)
        zips.append(made.zip.sha256)
        context.records.releases.delete_synthetic_set(made.id)
    assert len(loads) == 1
    assert zips[0] == zips[2] != zips[1]


def test_a_model_whose_weights_were_taken_away_is_not_drawn_from(context, dataset_id):
    trained = finished(context, submit_training(context, dataset_id))
    model = context.records.catalog.model(trained.result.model_id)
    first = finished(context, submit_generation(context, model.id, seed=5))
    assert first.state is JobState.SUCCEEDED
    context.artifacts.delete(f"models/{model.id}")
    second = finished(context, submit_generation(context, model.id, seed=6))
    assert second.error.code == "artifact_missing"


@pytest.mark.parametrize("error", [MemoryError, torch.OutOfMemoryError])
def test_kept_models_make_way_once_when_memory_runs_out(context, dataset_id, monkeypatch, error):
    trained = finished(context, submit_training(context, dataset_id))
    model_id = trained.result.model_id
    draw, failures = drawing.draw_pixels, 1

    def scarce(*given, **options):
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise error
        return draw(*given, **options)

    monkeypatch.setattr(drawing, "draw_pixels", scarce)
    job = finished(context, submit_generation(context, model_id, seed=5))
    assert job.state is JobState.SUCCEEDED
    failures = 2
    job = finished(context, submit_generation(context, model_id, seed=6))
    assert job.error.code == "out_of_memory"
    assert failures == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_fails_the_job_by_name_and_shows_nothing(
    context, dataset_id, tmp_path, monkeypatch, code
):
    trained = finished(context, submit_training(context, dataset_id, images=8))
    before = files_under(tmp_path / "artifacts")
    real = os.fsync

    def full(descriptor):
        if "staging" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    job = finished(context, submit_generation(context, trained.result.model_id))
    assert job.state is JobState.FAILED
    assert job.error.code == "storage_full"
    assert job.error.retryable
    assert files_under(tmp_path / "artifacts") == before
    assert files_under(tmp_path / "staging") == []
    assert context.records.releases.synthetic_sets().items == []
