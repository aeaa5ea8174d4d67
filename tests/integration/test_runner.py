"""What the runner does with a job of any kind: claims, doorbells, failures, clearing up."""

import threading
import time
from datetime import UTC, datetime

from service.adapters.memory import MemoryQueue
from service.domain.identifiers import new_id
from service.domain.job import JobKind, JobState
from tests.integration.jobs import files_under, finished, submit_ingest, submit_training
from workers import runner
from workers.runner import answer_doorbell, ring_for_waiting, run_job


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


def test_unforeseen_error_is_recorded_without_its_details(workplace, monkeypatch):
    def broken(attempt):
        raise KeyError("a patient's name")

    monkeypatch.setattr(runner, "WORK", {JobKind.INGEST: broken})
    job = finished(workplace, submit_ingest(workplace))
    assert job.state is JobState.FAILED
    assert job.error.code == "internal_error"
    assert "patient" not in job.error.detail
