"""Ingest jobs, from claim to commit: real database, real files."""

import io
from datetime import UTC, datetime

import pytest
from PIL import Image

from models.training.checkpoints import file_digest
from radiographs.phantom import draw as draw_phantom
from radiographs.splits.keyed_hash import published_version
from release.gate.verdict import Verdict
from service.adapters.listed_files import contact_sheet
from service.domain.audit import AuditDraft
from service.domain.job import JobKind, JobState
from service.domain.records import ArtifactRef, DatasetState, GeneratedSet, SyntheticSet
from tests.integration.jobs import (
    COUNTS,
    files_under,
    finished,
    submit,
    submit_ingest,
    submit_training,
)
from tests.sample_records import generate_request


def test_ingested_dataset_is_ready_and_split(context, dataset_id):
    dataset = context.records.catalog.dataset(dataset_id)
    assert dataset.state is DatasetState.READY
    assert {label: split.images for label, split in dataset.classes.items()} == COUNTS
    for split in dataset.classes.values():
        assert split.test / split.images >= 0.15
        assert split.holdout >= 1
        assert split.train == split.images - split.holdout - split.test >= split.included
    assert dataset.artifact.sha256 == dataset.fingerprint
    key = (context.settings.data_dir / "keys" / "split.key").read_bytes()
    assert dataset.version == published_version(key, dataset.fingerprint)


def test_a_contact_sheet_shows_a_row_of_each_class(context, dataset_id):
    dataset = context.records.catalog.dataset(dataset_id)
    found = contact_sheet(context.artifacts, dataset)
    with Image.open(io.BytesIO(found)) as sheet:
        assert sheet.size == (10 * 66 - 2, len(dataset.classes) * 66 - 2)
        assert sheet.getextrema()[1] > 100


def test_the_same_images_are_split_alike_every_time(context, dataset_id):
    again = finished(context, submit_ingest(context)).result.dataset_id
    first, second = map(context.records.catalog.dataset, (dataset_id, again))
    assert first.version == second.version
    assert file_digest(context.artifacts.path(first.artifact.key) / "images.npz") == file_digest(
        context.artifacts.path(second.artifact.key) / "images.npz"
    )


@pytest.mark.parametrize("key", [None, bytes(32), b"short"])
def test_images_are_not_split_under_another_key_once_one_was_lost(context, dataset_id, key):
    """A held-out image would be trained on; what is ingested already needs the key no more."""
    file = context.settings.data_dir / "keys" / "split.key"
    kept = file.read_bytes()
    if key is None:
        file.unlink()
    else:
        file.write_bytes(key)
    refused = finished(context, submit_ingest(context))
    assert (refused.state, refused.error.code) == (JobState.FAILED, "split_key_lost")
    assert finished(context, submit_training(context, dataset_id)).state is JobState.SUCCEEDED
    file.write_bytes(kept)
    context.records.jobs.retry(refused.id)
    assert finished(context, refused.id).state is JobState.SUCCEEDED


def test_images_are_not_split_without_the_ledger_once_there_was_one(context, dataset_id):
    file = context.settings.data_dir / "keys" / "identities.npz"
    kept = file.read_bytes()
    file.unlink()
    refused = finished(context, submit_ingest(context))
    assert (refused.state, refused.error.code) == (JobState.FAILED, "split_key_lost")
    assert "identities.npz" in refused.error.detail
    file.write_bytes(kept)
    context.records.jobs.retry(refused.id)
    assert finished(context, refused.id).state is JobState.SUCCEEDED


def write_images(folder, labels):
    """Write phantoms as files, each class under the name it has in `labels`."""
    for label, name in labels.items():
        (folder / name).mkdir(parents=True)
        for number in range(40):
            image = draw_phantom(label, seed=0, index=2 * number + (label == "normal"), size=128)
            Image.fromarray(image.pixels).save(folder / name / f"{number}.png")
    return {"path": str(folder)}


def test_a_release_counts_for_the_same_patients_whatever_their_dataset_is_like(context, tmp_path):
    """One image fewer, a renamed class, twice the size; and the first dataset is deleted."""
    source = write_images(tmp_path / "first", {"normal": "normal", "effusion": "effusion"})
    first = finished(context, submit_ingest(context, source)).result.dataset_id
    made = released_set(context, first)
    other = write_images(tmp_path / "other", {"normal": "No Finding", "effusion": "effusion"})
    (tmp_path / "other" / "effusion" / "7.png").unlink()
    delete = AuditDraft("default", "anybody", "delete_dataset", first)
    context.records.deletions.delete_dataset(first, delete, cascade=True)
    for size in (64, 128):
        job = finished(context, submit_ingest(context, other, size))
        again = context.records.releases.releases(job.result.dataset_id)
        assert [each.id for each in again] == [made.id]


def released_set(context, dataset_id):
    """Record a set that left the building."""
    job_id = submit(context, JobKind.GENERATE, generate_request(dataset_id=dataset_id))
    claim = context.records.jobs.claim(job_id, worker="w", lease_seconds=30).claim_held
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
        verdict=Verdict("passed"),
        report=page,
        findings=findings,
    )
    context.records.jobs.succeed(claim, GeneratedSet(made))
    return made


def test_refused_ingest_names_the_reason_and_drops_the_upload(context, tmp_path):
    source = {"phantom": {"class_counts": {"normal": 24}, "image_size": 64, "seed": 0}}
    job = finished(context, submit_ingest(context, source))
    assert job.state is JobState.FAILED
    assert job.error.code == "single_class"
    assert context.records.catalog.dataset(job.request.dataset_id).state is DatasetState.FAILED
    assert files_under(tmp_path / "artifacts") == []
