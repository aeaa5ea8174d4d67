"""What the runner does with a job of any kind: claims, messages, failures, cleaning up."""

import threading
import time
from dataclasses import replace

from service.domain.identifiers import new_id
from service.domain.job import JobState
from tests.integration.jobs import files_under, finished, submit_ingest, submit_training
from workers.ingest import job as ingest_job
from workers.runner import run_job, run_next
from workers.runtime.stop_request import StopRequest


def test_a_stale_message_does_nothing(context, dataset_id):
    job_id = submit_training(context, dataset_id, images=8)
    first = finished(context, job_id)
    assert finished(context, job_id) == first
    run_job(new_id("job"), context)


def test_the_job_that_waited_longest_runs_next(context, dataset_id):
    first, second = (submit_training(context, dataset_id, images=8) for _ in range(2))
    queues = ["cpu.ingest", "gpu.train"]
    for waits in ([first, second], [second]):
        assert [job.id for job in context.records.jobs.queued_jobs("gpu.train")] == waits
        assert run_next(queues, context)
    assert not run_next(queues, context)
    assert context.records.jobs.job(second).state is JobState.SUCCEEDED


def test_a_worker_runs_no_job_of_a_queue_it_does_not_serve(context, dataset_id):
    job_id = submit_training(context, dataset_id, images=8)
    assert not run_next(["cpu.ingest", "gpu.generate"], context)
    assert context.records.jobs.job(job_id).state is JobState.QUEUED


def test_a_job_that_another_worker_takes_first_is_no_reason_to_wait(
    context, dataset_id, monkeypatch
):
    first, second = (submit_training(context, dataset_id, images=8) for _ in range(2))
    look = context.records.jobs.next_queued

    def look_and_be_late(queues):
        found = look(queues)
        if found == first:
            context.records.jobs.claim(first, worker="faster", lease_seconds=30)
        return found

    monkeypatch.setattr(context.records.jobs, "next_queued", look_and_be_late)
    assert run_next(["gpu.train"], context)
    assert context.records.jobs.job(second).state is JobState.SUCCEEDED


def test_a_stopped_worker_hands_its_job_back_with_what_was_done(context, dataset_id, tmp_path):
    """As when the service is shut down, more often than a job may lose its worker."""
    job_id = submit_training(context, dataset_id, images=10_000_000)
    updates = []
    for attempt in range(1, 5):
        stopping = replace(context, stop=StopRequest())
        worker = threading.Thread(target=run_job, args=(job_id, stopping))
        worker.start()
        while context.records.jobs.job(job_id).state is JobState.QUEUED:
            time.sleep(0.01)
        if attempt == 1:
            while not list(tmp_path.glob(f"artifacts/checkpoints/{job_id}/*.json")):
                time.sleep(0.01)
        stopping.stop.make()
        worker.join()
        job = context.records.jobs.job(job_id)
        assert (job.state, job.attempt, job.worker) == (JobState.QUEUED, attempt, None)
        assert job.attempts_without_checkpoint == 0
        updates.append(max(tmp_path.glob(f"artifacts/checkpoints/{job_id}/*.json")).stem)
    assert updates == sorted(updates)
    assert files_under(tmp_path / "staging") == []


def test_a_stopped_ingest_is_handed_back_and_leaves_nothing(context, tmp_path):
    job_id = submit_ingest(context)
    stopping = replace(context, stop=StopRequest())
    stopping.stop.make()
    for attempt in range(1, 5):
        run_job(job_id, stopping)
        job = context.records.jobs.job(job_id)
        assert (job.state, job.attempt) == (JobState.QUEUED, attempt)
    assert files_under(tmp_path / "staging") == []
    assert finished(context, job_id).state is JobState.SUCCEEDED


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
    held = context.records.jobs.held_by(context.name)
    context.records.jobs.give_up(held.claim_held, "another believes it dead")
    worker.join()
    job = context.records.jobs.job(job_id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 1)
    assert not list(tmp_path.glob("artifacts/models/*"))


def test_unforeseen_error_is_recorded_without_its_details(context, monkeypatch):
    def broken(attempt, request):
        raise KeyError("a patient's name")

    monkeypatch.setattr(ingest_job, "ingest", broken)
    job = finished(context, submit_ingest(context))
    assert job.state is JobState.FAILED
    assert job.error.code == "internal_error"
    assert "patient" not in job.error.detail
