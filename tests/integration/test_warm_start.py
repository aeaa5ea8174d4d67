"""Trainings that start from other models, from claim to commit: real database, files and models."""

import json
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sqlalchemy import update

from models import bases
from models.config import Circumstances
from models.presets import resolve_config
from models.snapshot import load_snapshot
from radiographs.store.pixel_store import PixelStore
from service.adapters import sql_tables as t
from service.adapters.sql_rows import DATASETS
from service.domain.job import JobState
from service.domain.requests import DatasetSource, Privacy, PrivacyTerms, PublicData
from tests.integration.jobs import finished, submit_generation, submit_ingest, submit_training
from workers.generate.gate_assets import splits_of
from workers.train import public_images
from workers.train.bases import save_base
from workers.train.private_twin import private_twin

PUBLIC = PublicData("CC0-1.0", "an open archive")


def other_dataset(context, seed=1, **changes):
    counts = {"normal": 24, "cardiomegaly": 24}
    source = {"phantom": {"class_counts": counts, "image_size": 64, "seed": seed}}
    return finished(context, submit_ingest(context, source)).result.dataset_id


def declared(context, dataset_id, *, public=None):
    """Let a dataset have come from a folder: phantoms are public as they are."""
    dataset = context.records.catalog.dataset(dataset_id)
    row = DATASETS.row(replace(dataset, source=DatasetSource(path="/a"), public=public))
    with context.records.catalog._database.writing() as connection:
        connection.execute(update(t.datasets).where(t.datasets.c.id == dataset_id).values(row))
    return dataset_id


def trained(context, dataset_id, init_from=None, family="vae", **changes):
    job = finished(
        context, submit_training(context, dataset_id, family, init_from=init_from, **changes)
    )
    assert job.state is JobState.SUCCEEDED, job.error
    return context.records.catalog.model(job.result.model_id)


@pytest.fixture
def private_id(context, dataset_id):
    return declared(context, dataset_id)


def test_a_training_that_starts_from_a_model_repeats_and_says_what_it_took_over(
    context, private_id
):
    parent = trained(context, private_id)
    other = declared(context, other_dataset(context))
    first, again = (trained(context, other, parent.id, images=64) for _ in range(2))
    cold = trained(context, other, images=64)
    assert first.card.weights_sha256 == again.card.weights_sha256 != cold.card.weights_sha256
    start = first.card.warm_start
    assert (start.init_from, start.weights_sha256) == (parent.id, parent.card.weights_sha256)
    assert (start.share, start.fresh, start.public_data) == (pytest.approx(1, abs=0.02), (), ())
    assert start.classes == ("normal",)  # the parent knew effusion, and no cardiomegaly
    assert start.by_class
    assert first.inherited == (private_id,)
    assert cold.card.warm_start is None

    grandchild = trained(context, private_id, first.id, images=64)
    assert grandchild.inherited == (other,)  # its own dataset is examined anyway


def test_a_start_from_a_base_inherits_nothing_and_more_phantoms_stay_public(
    context, dataset_id, tmp_path, monkeypatch
):
    parent = trained(context, dataset_id)
    assert [each.source for each in parent.public_data] == ["phantoms drawn by synthcxr"]
    monkeypatch.setattr(bases, "FOLDER", tmp_path / "bases")
    snapshot = load_snapshot(context.artifacts.path(parent.snapshot.folder))
    save_base(snapshot.model, "vae", snapshot.classes, tmp_path / "bases")
    model = trained(context, dataset_id, "base:vae-64", images=64)
    assert model.inherited == ()
    assert model.public_data == parent.public_data == model.card.warm_start.public_data
    of_private = trained(context, declared(context, other_dataset(context)), "base:vae-64")
    assert (of_private.inherited, of_private.public_data) == ((), ())


def test_what_hardly_fits_fails_by_name_and_trains_nothing(context, private_id):
    parent = trained(context, private_id)
    overrides = {"width": 24, "num_latents": 12, "patch_size": 4}
    config = resolve_config("vae", "tiny", overrides, Circumstances(64)).model_dump(mode="json")
    job = finished(
        context, submit_training(context, private_id, init_from=parent.id, config=config)
    )
    assert (job.state, job.error.code) == (JobState.FAILED, "init_from_unavailable")
    assert "preset" in job.error.detail


def test_a_start_whose_files_are_gone_is_named(context, private_id):
    parent = trained(context, private_id)
    context.artifacts.delete(parent.snapshot.folder)
    job = finished(context, submit_training(context, private_id, init_from=parent.id))
    assert (job.state, job.error.code) == (JobState.FAILED, "artifact_missing")
    assert parent.id in job.error.detail


@pytest.mark.usefixtures("nothing_dropped")
def test_a_private_training_learns_from_the_declared_images_first_and_names_them(
    context, dataset_id, monkeypatch
):
    monkeypatch.setattr(public_images, "NUM_IMAGES", 48)
    public_id = declared(context, other_dataset(context), public=PUBLIC)
    parent = trained(context, public_id)
    assert parent.public_data == (PUBLIC,)
    config = resolve_config("vae", "tiny", {}, Circumstances(64, private=True))
    terms = Privacy(PrivacyTerms(3.0, None, 1.0, "mixture"))
    asked = {"privacy": terms, "config": config.model_dump(mode="json"), "images": 32}
    private_id = declared(context, dataset_id)
    seen = []
    published = public_images.published_images
    monkeypatch.setattr(
        "workers.train.spec.published_images",
        lambda *args: seen.append(published(*args)) or seen[-1],
    )
    model = trained(context, private_id, parent.id, **asked)
    store = PixelStore.open(
        context.artifacts.path(context.records.catalog.dataset(public_id).artifact.key)
    )
    pixels, labels = store.training(64)
    [images] = seen
    assert len(images) == len(pixels)
    known = labels == store.classes.index("normal")
    assert (images.labels.numpy()[known] == 1).all()  # of effusion and normal
    assert model.card.warm_start.public_data == (PUBLIC,)
    assert (model.inherited, model.public_data) == ((), ())

    job = finished(context, submit_generation(context, model.id))
    made = context.records.releases.synthetic_set(job.result.synthetic_set_id)
    with zipfile.ZipFile(context.artifacts.path(made.zip.key)) as archive:
        manifest, certified, report = (
            json.loads(archive.read(name))
            for name in ("manifest.json", "certificate.json", "report.json")
        )
    declaration = {"licence": "CC0-1.0", "source": "an open archive"}
    for document in (manifest, certified, report):
        assert document["model"]["pretraining"]["public_data"] == [declaration]
    assert any("an open archive" in sentence for sentence in report["limits"])


def test_images_that_are_private_in_another_dataset_stay_private(context, private_id):
    """Adding them again as public ones launders nothing, whichever dataset came first."""
    copies = finished(context, submit_ingest(context)).result.dataset_id
    declared(context, private_id, public=PUBLIC)
    before = trained(context, declared(context, copies, public=PUBLIC), images=64)
    declared(context, private_id)
    after = trained(context, copies, images=64)
    assert (before.public_data, after.public_data) == ((PUBLIC,), ())
    warned = [
        "not_public" in {each.data.get("code") for each in context.records.jobs.events(job_id)}
        for job_id in (before.job_id, after.job_id)
    ]
    assert warned == [False, True]

    other = declared(context, other_dataset(context))
    child = trained(context, other, before.id, images=64)
    assert (child.inherited, child.public_data) == ((copies,), ())
    assert child.card.warm_start.public_data == ()
    terms = Privacy(PrivacyTerms(3.0, None, 1.0, "mixture"))
    job = finished(context, submit_training(context, other, init_from=before.id, privacy=terms))
    assert (job.state, job.error.code) == (JobState.FAILED, "privacy_unavailable")
    assert private_id in job.error.detail


def test_a_few_patients_in_common_do_not_say_whose_images_are_private(
    context, private_id, monkeypatch
):
    copies = declared(
        context, finished(context, submit_ingest(context)).result.dataset_id, public=PUBLIC
    )
    dataset = context.records.catalog.dataset(copies)

    def twin(tenant="default"):
        job = SimpleNamespace(tenant=tenant)
        attempt = SimpleNamespace(job=job, records=context.records, artifacts=context.artifacts)
        return private_twin(attempt, dataset)

    assert twin() == private_id
    assert twin("another") is None
    monkeypatch.setattr("workers.train.private_twin.FEWEST_IN_COMMON", 121)  # of 120 in all
    assert twin() is None


@pytest.mark.usefixtures("nothing_dropped")
def test_sets_are_searched_for_copies_of_what_the_parent_was_trained_on(context, private_id):
    other = declared(context, other_dataset(context))
    parent = trained(context, other)
    child = trained(context, private_id, parent.id, images=64)
    job = finished(context, submit_generation(context, child.id, class_counts={"normal": 8}))
    assert job.state is JobState.SUCCEEDED, job.error
    made = context.records.releases.synthetic_set(job.result.synthetic_set_id)
    with zipfile.ZipFile(context.artifacts.path(made.zip.key)) as archive:
        report = json.loads(archive.read("report.json"))
    assert report["model"]["pretraining"]["num_inherited"] == 1
    assert any("searched for copies of these" in each for each in report["limits"])
    # the datasets are examined together from now on, as if they shared patients
    releases = context.records.releases
    assert releases.released_examinations(private_id) == releases.released_examinations(other)

    context.artifacts.delete(context.records.catalog.dataset(other).artifact.key)
    job = finished(context, submit_generation(context, child.id, class_counts={"normal": 4}))
    assert (job.state, job.error.code) == (JobState.FAILED, "artifact_missing")


def test_inherited_patients_keep_the_numbers_that_they_have_in_the_dataset(context, private_id):
    def store_of(dataset_id):
        key = context.records.catalog.dataset(dataset_id).artifact.key
        return PixelStore.open(context.artifacts.path(key))

    own, same, other = (
        store_of(each)
        for each in (
            private_id,
            finished(context, submit_ingest(context)).result.dataset_id,
            other_dataset(context),
        )
    )
    splits = splits_of(own, 64, [same, other])
    train, inherited = splits.train, splits.inherited
    num_same = int(same.trained.sum())
    assert np.array_equal(np.sort(inherited.patients[:num_same]), np.sort(train.patients))
    further = inherited.patients[num_same:]
    assert not np.isin(further, np.concatenate([train.patients, splits.holdout.patients])).any()
    assert len(splits.copied_from) == len(train) + len(splits.holdout) + len(inherited)
    assert splits_of(own, 32, [other]).inherited.pixels.shape[1:] == (32, 32)


def test_smaller_inherited_images_are_enlarged(context, private_id):
    small = PixelStore.open(
        context.artifacts.path(context.records.catalog.dataset(private_id).artifact.key)
    )
    large = replace(small, pixels=small.pixels.repeat(2, 1).repeat(2, 2), image_size=128)
    assert splits_of(large, 128, [small]).inherited.pixels.shape[1:] == (128, 128)
