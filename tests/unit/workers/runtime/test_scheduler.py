"""What the scheduler does at a look, on a clock that the test moves."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from service.adapters.local_artifacts import LocalArtifacts
from service.domain.audit import AuditDraft
from service.domain.errors import WorkerLost
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.records import Dataset, DatasetState, IngestedDataset
from service.domain.requests import DatasetSource
from service.settings import Settings
from tests.in_memory_queue import ManualClock, MemoryQueue
from tests.in_memory_records import MemoryStore
from tests.sample_records import ingest_request, train_request
from workers.runtime.context import WorkerContext
from workers.runtime.garbage_collection import prune
from workers.runtime.scheduler import FINISH_AFTER_SECONDS, Scheduler


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def context(clock, tmp_path):
    return WorkerContext(
        "tester",
        Settings(data_dir=tmp_path),
        MemoryStore(clock).records(),
        LocalArtifacts(tmp_path),
        clock,
    )


@pytest.fixture
def queue():
    return MemoryQueue()


@pytest.fixture
def scheduler(context, queue):
    return Scheduler(context, queue)


def submit(context, kind=JobKind.TRAIN):
    job = Job(new_id("job"), kind, kind.queue, JobState.QUEUED, train_request(), datetime.now(UTC))
    return context.records.jobs.submit(job).id


def test_a_lost_message_is_sent_again(scheduler, context, queue):
    job_id = submit(context)
    scheduler.run_once()
    assert queue.notified == [("gpu.train", job_id)]


def test_waiting_job_is_not_rung_at_every_look(scheduler, context, queue):
    """A queue that is busy for hours must not fill up with messages."""
    submit(context)
    for _ in range(5):
        scheduler.run_once()
    assert len(queue.notified) == 1


def test_silent_worker_loses_its_job(scheduler, context, queue, clock):
    job_id = submit(context)
    scheduler.run_once()
    job = context.records.jobs.claim(job_id, worker="w", lease_seconds=30)
    staged = context.artifacts.staging(f"{job_id}-{job.attempt}")
    clock.advance(31)
    scheduler.run_once()
    assert not staged.exists()
    job = context.records.jobs.job(job_id)
    assert (job.state, job.worker) == (JobState.QUEUED, None)
    assert queue.notified == [("gpu.train", job_id)] * 2


def test_job_that_loses_every_worker_fails_by_name(scheduler, context, clock):
    job_id = submit(context)
    for _ in range(3):
        context.records.jobs.claim(job_id, worker="w", lease_seconds=30)
        clock.advance(31)
        scheduler.run_once()
    job = context.records.jobs.job(job_id)
    assert (job.state, job.error.code) == (JobState.FAILED, WorkerLost.code)


def test_renewed_lease_is_left_alone(scheduler, context, clock):
    job_id = submit(context)
    job = context.records.jobs.claim(job_id, worker="w", lease_seconds=30)
    for _ in range(4):
        clock.advance(20)
        context.records.jobs.heartbeat(job.claim_held, 30)
        scheduler.run_once()
    assert context.records.jobs.job(job_id).state is JobState.RUNNING


def test_second_scheduler_stands_by(scheduler, context):
    submit(context)
    assert context.records.jobs.hold_scheduler_lock("another", 60)
    standing_by = MemoryQueue()
    Scheduler(context, standing_by).run_once()
    assert standing_by.notified == []


def test_pruning_removes_old_leftovers_and_nothing_named(context, tmp_path):
    job_id = submit(context)
    named = tmp_path / "artifacts" / "checkpoints" / job_id
    leftovers = [tmp_path / "artifacts" / "models" / "mdl_1", tmp_path / "staging" / "job_0-1"]
    fresh = tmp_path / "staging" / "job_0-2"
    for folder in (named, *leftovers, fresh):
        folder.mkdir(parents=True)
        (folder / "file").touch()
    upload = tmp_path / "uploads" / "job_gone.zip"
    upload.parent.mkdir()
    upload.touch()
    os.utime(upload, (0, 0))
    for folder in (named, *leftovers):
        os.utime(folder / "file", (0, 0))
        os.utime(folder, (0, 0))
    assert prune(context.records, LocalArtifacts(tmp_path)) == 3
    assert named.exists()
    assert fresh.exists()
    assert not any(leftover.exists() for leftover in (upload, *leftovers))


def test_an_upload_of_a_cancelled_ingest_is_kept_as_long_as_it_can_be_retried(context, tmp_path):
    kept = {}
    for name in ("waiting", "cancelled"):
        request = ingest_request(source=DatasetSource(upload="a.zip"))
        kind, now = JobKind.INGEST, datetime.now(UTC)
        job = Job(new_id("job"), kind, kind.queue, JobState.QUEUED, request, now)
        context.records.jobs.submit(job)
        kept[name] = context.artifacts.upload_path(job.id)
        writer = context.artifacts.open_upload(job.id)
        writer.write(b"PATIENT")
        writer.commit()
        if name == "cancelled":
            context.records.jobs.request_cancel(job.id)
    long_ago = context.clock.now() < datetime.now(UTC) - timedelta(days=1)
    assert long_ago, "the test's clock stands long before today"
    prune(context.records, LocalArtifacts(tmp_path), upload_retention_seconds=10**12)
    assert all(path.exists() for path in kept.values())
    prune(context.records, LocalArtifacts(tmp_path))
    assert kept["waiting"].exists()
    assert not kept["cancelled"].exists()


def test_an_upload_whose_ingest_succeeded_goes_though_its_worker_died_before_it_could(
    context, tmp_path
):
    kind = JobKind.INGEST
    job = Job(new_id("job"), kind, kind.queue, JobState.QUEUED, ingest_request(), datetime.now(UTC))
    dataset = Dataset("ds_1", "images", DatasetState.READY, job.request.source, job.created_at, "")
    context.records.jobs.submit(job)
    claimed = context.records.jobs.claim(job.id, worker="w", lease_seconds=30)
    writer = context.artifacts.open_upload(job.id)
    writer.commit()
    context.records.jobs.succeed(claimed.claim_held, IngestedDataset(dataset, []))
    prune(context.records, context.artifacts, upload_retention_seconds=10**12)
    assert not context.artifacts.upload_path(job.id).exists()


def test_a_deletion_whose_process_died_is_finished(scheduler, context, clock):
    request = ingest_request()
    kind = JobKind.INGEST
    job = Job(new_id("job"), kind, kind.queue, JobState.QUEUED, request, clock.now())
    dataset = Dataset("ds_1", "images", DatasetState.INGESTING, request.source, clock.now(), job.id)
    context.records.jobs.submit(job, dataset=dataset)
    context.records.jobs.request_cancel(job.id)
    pixels = context.artifacts.path("datasets/ds_1-abc/pixels.npy")
    pixels.parent.mkdir(parents=True)
    pixels.touch()
    audit = AuditDraft("default", "anybody", "delete_dataset", "ds_1")
    begun = context.records.deletions.delete_dataset("ds_1", audit, cascade=False)
    scheduler.run_once()
    assert pixels.exists()  # whoever began it is probably at it
    clock.advance(FINISH_AFTER_SECONDS)
    scheduler.run_once()
    assert not pixels.parent.exists()
    assert context.records.deletions.deletion(begun.id).receipt
