"""What the runner does with a job of any kind: claims, messages, failures, cleaning up."""

import threading
import time
from datetime import UTC, datetime

from service.domain.identifiers import new_id
from service.domain.job import JobState
from tests.in_memory_queue import MemoryQueue
from tests.integration.jobs import files_under, finished, submit_ingest, submit_training
from workers import runner
from workers.runner import announce_waiting, run_announced, run_job


def test_a_stale_message_does_nothing(context, dataset_id):
    job_id = submit_training(context, dataset_id, images=8)
    first = finished(context, job_id)
    assert finished(context, job_id) == first
    run_job(new_id("job"), context)


def test_a_stale_message_runs_the_oldest_job_that_waits(context, dataset_id):
    done = submit_training(context, dataset_id, images=8)
    finished(context, done)
    first, second = (submit_training(context, dataset_id, images=8) for _ in range(2))
    for waits in ([first, second], [second], []):
        assert [job.id for job in context.records.jobs.queued_jobs("gpu.train")] == waits
        run_announced(done, ["cpu.ingest", "gpu.train"], context)
    assert context.records.jobs.job(second).state is JobState.SUCCEEDED


def test_a_message_runs_the_job_it_names_and_no_other(context, dataset_id):
    first, second = (submit_training(context, dataset_id, images=8) for _ in range(2))
    run_announced(second, ["gpu.train"], context)
    assert context.records.jobs.job(first).state is JobState.QUEUED
    run_announced(second, ["gpu.generate"], context)
    assert context.records.jobs.job(first).state is JobState.QUEUED


def test_a_fresh_process_rings_once_for_what_waits_in_its_queues(context, dataset_id):
    bell = MemoryQueue()
    announce_waiting(["gpu.train"], context, bell)
    assert bell.rings == []
    first, _ = (submit_training(context, dataset_id, images=8) for _ in range(2))
    announce_waiting(["cpu.ingest"], context, bell)
    announce_waiting(["cpu.ingest", "gpu.train"], context, bell)
    assert bell.rings == [("gpu.train", first)]


def test_finished_job_leaves_nothing_behind(context, dataset_id, tmp_path):
    finished(context, submit_training(context, dataset_id))
    assert files_under(tmp_path / "staging") == []
    assert files_under(tmp_path / "artifacts" / "checkpoints") == []


def test_attempt_that_lost_its_lease_writes_nothing_more(context, dataset_id, tmp_path):
    """As when a paused machine wakes up after another worker has taken over."""
    job_id = submit_training(context, dataset_id, images=10_000_000)
    worker = threading.Thread(target=run_job, args=(job_id, context))
    worker.start()
    while not list(tmp_path.glob(f"artifacts/checkpoints/{job_id}/*.json")):
        time.sleep(0.02)
    while not (moved := context.records.jobs.expire_leases(datetime(2100, 1, 1, tzinfo=UTC))):
        time.sleep(0.02)
    worker.join()
    assert [job.id for job in moved] == [job_id]
    job = context.records.jobs.job(job_id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 1)
    assert not list(tmp_path.glob("artifacts/models/*"))


def test_unforeseen_error_is_recorded_without_its_details(context, monkeypatch):
    def broken(attempt, request):
        raise KeyError("a patient's name")

    monkeypatch.setattr(runner, "ingest", broken)
    job = finished(context, submit_ingest(context))
    assert job.state is JobState.FAILED
    assert job.error.code == "internal_error"
    assert "patient" not in job.error.detail
