"""Trainings that crash, leave, or find no memory, and checkpoints that are damaged."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.domain.job import EventKind, JobState
from tests.faults import broken_jobs, campaign
from tests.faults.campaign import COUNTS, Campaign
from tests.faults.deployment import deployed
from tests.faults.judge import judge

FOREVER = 10**7

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    with deployed(
        tmp_path_factory.mktemp("broken") / "data",
        {"worker-1": "cpu.ingest", "worker-2": "gpu.train"},
        worker_module=broken_jobs.__name__,
        SYNTHCXR_MAX_ATTEMPTS_WITHOUT_CHECKPOINT="3",
    ) as deployment:
        yield campaign.begin(deployment, 3)


@pytest.fixture(scope="module")
def dataset_id(running: Campaign) -> str:
    phantom = {"class_counts": COUNTS, "image_size": 64}
    job_id = running.client.ask("/datasets", json={"phantom": phantom})
    assert job_id
    running.settle()
    result = running.deployment.records.jobs.job(job_id).result
    assert result
    assert result.dataset_id
    return result.dataset_id


def trained(running: Campaign, dataset_id: str, seed: int, images: int = 16) -> str:
    body: dict[str, Any] = {"dataset_id": dataset_id, "family": "vae", "image_size": 64}
    body |= {"preset": "tiny", "budget": {"images": images}, "seed": seed}
    job_id = running.client.ask("/train", json=body)
    assert job_id
    return job_id


def test_a_training_that_takes_its_process_along_ends_alone(
    running: Campaign, dataset_id: str
) -> None:
    ends = {
        broken_jobs.SEGMENTATION_FAULT: ("worker_lost", 3, "its process was ended by SIGSEGV"),
        broken_jobs.EXIT: ("worker_lost", 3, "its process ended with exit status 3"),
        broken_jobs.OUT_OF_MEMORY: ("out_of_memory", 1, None),
        broken_jobs.KILLED_ONCE: (None, 2, "its process was ended by SIGABRT"),
        1: (None, 1, None),
    }
    jobs = {seed: trained(running, dataset_id, seed) for seed in ends}
    running.settle()
    records = running.deployment.records
    for seed, (code, num_attempts, reason) in ends.items():
        job = records.jobs.job(jobs[seed])
        assert (job.error and job.error.code, job.attempt) == (code, num_attempts)
        said = [event.data for event in records.jobs.events(job.id) if event.kind == EventKind.LOG]
        assert all(str(reason) in each["message"] for each in said)
        assert bool(said) == (reason is not None)
    broken = [jobs[seed] for seed, (code, *_) in ends.items() if code]
    judge(running.deployment, running.client.accepted, broken).assert_whole()


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_training_goes_on_whatever_became_of_its_checkpoints(
    running: Campaign, dataset_id: str, damage: str
) -> None:
    deployment, jobs = running.deployment, running.deployment.records.jobs
    job_id = trained(running, dataset_id, seed=2, images=FOREVER)
    deployment.wait_until(lambda: num_checkpoints(running, job_id) >= 2)
    pid = int((jobs.job(job_id).worker or "").rpartition(":")[2])
    deployment.suspend(psutil.Process(pid))
    for file in (deployment.data_dir / "artifacts" / "checkpoints" / job_id).glob("*-*.*"):
        broken(file, damage)
    before = num_checkpoints(running, job_id)
    os.kill(pid, signal.SIGKILL)
    deployment.wait_until(lambda: num_checkpoints(running, job_id) > before + 1)
    job = jobs.job(job_id)
    assert (job.state, job.attempt) == (JobState.RUNNING, 2)
    assert running.client.cancel(job)
    running.settle()
    assert jobs.job(job_id).state is JobState.CANCELLED


def num_checkpoints(running: Campaign, job_id: str) -> int:
    log = running.deployment.records.jobs.events(job_id)
    return sum(event.kind == EventKind.CHECKPOINT for event in log)


def broken(file: Path, damage: str) -> None:
    content = bytearray(file.read_bytes())
    if damage == "truncated":
        file.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 0x40
        file.write_bytes(content)
