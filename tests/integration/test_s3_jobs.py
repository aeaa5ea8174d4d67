"""Jobs whose artifacts lie in a bucket: as on the local disk, on several machines, without it."""

import shutil
from dataclasses import replace
from itertools import count

import pytest

from service.adapters import s3_bucket
from service.adapters.artifact_store import open_artifacts
from service.adapters.signing_keys import KeyRing
from service.domain.audit import AuditDraft
from service.domain.erasure import carry_out
from service.domain.errors import ArtifactsUnavailable
from service.domain.job import JobState
from tests.integration import jobs
from tests.integration.jobs import (
    OFTEN,
    finished,
    opened,
    submit_generation,
    submit_ingest,
    submit_training,
)
from tests.integration.test_deletion_leaves_nothing import source
from tests.object_store import Faults, ObjectStore, failing_proxy
from workers.runner import run_next
from workers.runtime.stop_request import StopRequest
from workers.train import job as train_job

EVERY_QUEUE = ["cpu.ingest", "gpu.train", "gpu.generate"]


@pytest.fixture
def counted_names(monkeypatch):
    """Name records by counting, so that two runs of the same jobs have the same names."""

    def start():
        numbers = count()
        for module in (jobs, train_job):
            monkeypatch.setattr(module, "new_id", lambda kind: f"{kind}_{next(numbers):026}")

    return start


@pytest.fixture
def context(tmp_path, object_store):
    with opened(tmp_path, object_store.settings(tmp_path, **OFTEN)) as context:
        yield context


def on_another_machine(context, folder, object_store):
    """Return the context of a worker that shares the database, the bucket and the keys alone."""
    shutil.copytree(context.settings.data_dir / "keys", folder / "keys")
    settings = object_store.settings(folder, **OFTEN)
    return replace(context, settings=settings, artifacts=open_artifacts(settings))


def made_by(context, *later):
    """Ingest, train and generate, each on a machine; return the set's record."""
    dataset_id = finished(context, submit_ingest(context)).result.dataset_id
    training, generating = later or (context, context)
    model_id = finished(training, submit_training(training, dataset_id)).result.model_id
    job = finished(generating, submit_generation(generating, model_id))
    assert job.state is JobState.SUCCEEDED, job.error
    return context.records.releases.synthetic_set(job.result.synthetic_set_id)


@pytest.mark.usefixtures("nothing_dropped")
def test_a_set_has_the_same_bytes_from_a_bucket_and_several_machines(
    tmp_path, object_store, counted_names
):
    with opened(tmp_path / "local") as context:
        KeyRing(context.settings.data_dir).public_keys()  # makes the key that signs both
        keys = shutil.copytree(tmp_path / "local" / "keys", tmp_path / "keys")
        counted_names()
        local = made_by(context)
        expected = context.artifacts.path(local.zip.key).read_bytes()
    folder = tmp_path / "first"
    with opened(folder, object_store.settings(folder, **OFTEN)) as context:
        shutil.copytree(keys, folder / "keys", dirs_exist_ok=True)
        others = [
            on_another_machine(context, tmp_path / name, object_store)
            for name in ("second", "third")
        ]
        counted_names()
        made = made_by(context, *others)
        assert not (folder / "artifacts").exists()
        found = context.artifacts.path(made.zip.key).read_bytes()
    assert made.zip.sha256 == local.zip.sha256
    assert found == expected


def test_a_training_goes_on_from_its_checkpoint_on_another_machine(context, tmp_path, object_store):
    dataset_id = finished(context, submit_ingest(context)).result.dataset_id
    job_id = submit_training(context, dataset_id, images=10_000_000)
    other = on_another_machine(context, tmp_path / "other", object_store)
    reached = []
    for machine in (context, other):
        seen, stop = [], StopRequest()
        record = context.records.jobs.record

        def stop_when_trained(claim, *, seen=seen, stop=stop, record=record, **report):
            record(claim, **report)
            if report.get("checkpoint"):
                seen.append(report["events"][0][1]["images_seen"])
                stop.made = seen[-1] > seen[0]

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(context.records.jobs, "record", stop_when_trained)
            assert finished(replace(machine, stop=stop), job_id).state is JobState.QUEUED
        assert list((machine.settings.data_dir / "staging").iterdir()) == []
        reached.append(seen)
    assert 0 < reached[0][-1] <= reached[1][0]


def test_a_job_waits_while_the_store_is_away_and_is_done_afterwards(
    context, tmp_path, object_store, monkeypatch
):
    monkeypatch.setattr(s3_bucket, "_MAX_RETRIES", 0)
    faults = Faults()
    with failing_proxy(object_store.server, faults) as url:
        behind = ObjectStore(url, object_store.bucket, object_store.server)
        worker = replace(context, artifacts=open_artifacts(behind.settings(tmp_path, **OFTEN)))
        dataset_id = finished(worker, submit_ingest(worker)).result.dataset_id
        job_id = submit_training(worker, dataset_id)

        faults.choose = lambda *_: "reset"
        with pytest.raises(ArtifactsUnavailable):  # before it is claimed
            run_next(EVERY_QUEUE, worker)
        assert worker.records.jobs.job(job_id).attempt == 0

        faults.choose = lambda method, path: "refuse" if "models" in path else "none"
        put_back = finished(worker, job_id)  # the credentials expire while it runs
        assert (put_back.state, put_back.attempt) == (JobState.QUEUED, 1)
        assert worker.records.jobs.job(job_id).error is None

        faults.choose = lambda *_: "none"
        assert finished(worker, job_id).state is JobState.SUCCEEDED
    logged = [event.data for event in context.records.jobs.events(job_id)]
    assert any("credentials" in str(data) for data in logged)
    assert list((tmp_path / "staging").iterdir()) == []


def test_an_upload_is_ingested_on_another_machine_and_removed(context, tmp_path, object_store):
    archive, _ = source(tmp_path)
    job_id = submit_ingest(context, {"upload": "x.zip"})
    writer = context.artifacts.open_upload(job_id)
    writer.write(archive.read_bytes())
    writer.commit()
    archive.unlink()
    other = on_another_machine(context, tmp_path / "other", object_store)
    job = finished(other, job_id)
    assert job.state is JobState.SUCCEEDED, job.error
    assert not context.artifacts.has_upload(job_id)

    entry = AuditDraft("default", "key_1", "delete_dataset", job.result.dataset_id, "done", None)
    deletions = context.records.deletions
    begun = deletions.delete_dataset(job.result.dataset_id, entry, cascade=True)
    keys = KeyRing(context.settings.data_dir)
    receipt = carry_out(begun, context.records, context.artifacts, keys, context.clock)
    assert sum(each.num_bytes for each in receipt.removed) >= 2**20
    for machine in (context, other):
        machine.artifacts.drop_outdated_copies()
    assert [each for each in object_store.objects() if each != "probe"] == []
    for data_dir in (tmp_path, tmp_path / "other"):
        copies = [path for path in (data_dir / "cache").rglob("*") if path.is_file()]
        assert copies == []


def test_a_deletion_that_the_store_interrupts_is_finished_later(context, tmp_path, object_store):
    faults = Faults()
    with failing_proxy(object_store.server, faults) as url:
        behind = ObjectStore(url, object_store.bucket, object_store.server)
        artifacts = open_artifacts(behind.settings(tmp_path, **OFTEN))
        dataset_id = finished(context, submit_ingest(context)).result.dataset_id
        entry = AuditDraft("default", "key_1", "delete_dataset", dataset_id, "done", None)
        begun = context.records.deletions.delete_dataset(dataset_id, entry, cascade=True)
        keys = KeyRing(context.settings.data_dir)

        faults.choose = lambda method, _: "refuse" if method == "POST" else "none"
        with pytest.raises(ArtifactsUnavailable):
            carry_out(begun, context.records, artifacts, keys, context.clock)
        [unfinished] = context.records.deletions.unfinished()
        assert unfinished.removed[0].num_files
        assert len(object_store.objects()) > 1

        faults.choose = lambda *_: "none"
        carry_out(unfinished, context.records, artifacts, keys, context.clock)
    assert list(context.records.deletions.unfinished()) == []
    assert object_store.objects() == []
