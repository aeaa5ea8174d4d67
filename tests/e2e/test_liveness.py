"""Processes that hang, stop or go deaf: every job goes on, and the service says what is amiss."""

import os
import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest

COUNTS = {"normal": 60, "cardiomegaly": 40}
FOREVER = 10_000_000  # images
START_SECONDS = 120  # for all workers to have imported what they need


@pytest.fixture(scope="module")
def service(start_service, tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("data")
    with start_service(data_dir, SYNTHCXR_LEASE_SECONDS="15") as running:
        wait_until(lambda: not degraded(running), START_SECONDS)
        yield running


@pytest.fixture(scope="module")
def dataset_id(service):
    return service.phantoms(**COUNTS)


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def degraded(service):
    answer = httpx.get(f"{service.url}/readyz", trust_env=False, timeout=30)
    assert answer.status_code == 200
    return {each["code"] for each in answer.json()["degraded"]}


def process_of(service, name):
    """A program of the embedded service."""
    data_dir = str(service.data_dir)
    [found] = [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if name in (process.info["cmdline"] or [])
        and (process.info["environ"] or {}).get("SYNTHCXR_DATA_DIR") == data_dir
        and "-m" in process.info["cmdline"]
    ]
    return found


def running_training(service, dataset_id):
    job = service.start_training(dataset_id, images=FOREVER)
    service.wait_for(job.id, lambda job: job.progress and job.attempts_without_checkpoint == 0)
    return job


def cancelled(service, job):
    service.client.jobs.cancel(job.id)
    assert service.client.jobs.wait(job.id).state == "cancelled"


def test_a_stopped_process_costs_its_lease_and_neither_job_nor_worker(service, dataset_id):
    job = running_training(service, dataset_id)
    stopped = service.worker_pid(job.id)
    service.suspend(stopped)
    service.wait_for(job.id, lambda job: job.attempt == 2)
    assert not psutil.pid_exists(stopped)
    cancelled(service, job)
    assert service.trained(dataset_id, images=8)  # the worker is free


def test_a_stopped_process_of_a_cancelled_job_frees_its_worker(service, dataset_id):
    job = running_training(service, dataset_id)
    stopped = service.worker_pid(job.id)
    service.suspend(stopped)
    began = time.monotonic()
    cancelled(service, job)
    assert time.monotonic() - began < 12  # two seconds on a machine that does nothing else
    wait_until(lambda: not psutil.pid_exists(stopped))
    assert service.trained(dataset_id, images=8)


def test_stopping_the_process_of_a_job_more_often_than_it_may_fail_does_no_harm(
    service, dataset_id
):
    job = running_training(service, dataset_id)
    for attempt in range(1, 5):
        os.kill(service.worker_pid(job.id), signal.SIGTERM)
        service.wait_for(
            job.id, lambda job, attempt=attempt: job.attempt == attempt + 1 and job.worker
        )
    assert service.records.jobs.job(job.id).attempts_without_checkpoint <= 1
    cancelled(service, job)


def test_a_broker_that_says_nothing_costs_seconds(service, dataset_id):
    broker = process_of_broker(service)
    broker.suspend()
    try:
        assert service.trained(dataset_id, images=8)
        wait_until(lambda: "broker_unreachable" in degraded(service))
    finally:
        broker.resume()
    wait_until(lambda: not degraded(service))


def process_of_broker(service):
    socket = str(service.data_dir / "broker.sock")
    candidates = [each for each in psutil.process_iter(["name"]) if "server" in each.info["name"]]
    [found] = [each for each in candidates if any(socket in (c.laddr or "") for c in sockets(each))]
    return found


def sockets(process):
    try:
        return process.net_connections(kind="unix")
    except psutil.AccessDenied:
        return []


def test_a_worker_and_a_scheduler_that_are_stopped_are_missed(service):
    for name, code in (("worker-ingest", "no_worker"), ("scheduler", "scheduler_late")):
        process = process_of(service, name)
        service.suspend(process.pid)
        try:
            wait_until(lambda code=code: code in degraded(service))
        finally:
            process.resume()
        wait_until(lambda: not degraded(service))


def test_a_service_that_is_stopped_hands_its_job_back_and_goes_on_with_it(
    start_service, tmp_path: Path
):
    """Three times and once more, within seconds of each start."""
    job_id = None
    for attempt in range(1, 5):
        with start_service(tmp_path, SYNTHCXR_LEASE_SECONDS="15") as service:
            if job_id is None:
                job_id = running_training(service, service.phantoms(**COUNTS)).id
            service.wait_for(
                job_id, lambda job, attempt=attempt: job.attempt == attempt and job.worker
            )
            records = service.records
        job = records.jobs.job(job_id)
        assert (job.state, job.worker, job.attempts_without_checkpoint) == ("queued", None, 0)
    assert records.workers.all() == []
