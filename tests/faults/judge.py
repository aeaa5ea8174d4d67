"""What must hold once the service is still again: nothing is lost, nothing doubled."""

import hashlib
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from radiographs.store.pixel_store import PixelStore
from service.adapters.local_artifacts import LocalArtifacts
from service.domain.job import Event, EventKind, Job, JobState
from service.domain.paging import Page
from service.domain.record_ports import Records
from service.domain.records import DatasetState
from synthcxr.errors import SetNotVerified
from synthcxr.verification import verify_set
from tests.faults.deployment import Deployment
from workers.runtime.garbage_collection import prune

T = TypeVar("T")


@dataclass(frozen=True)
class Judgement:
    """What was found.

    Attributes:
        jobs: How many were accepted, by the state in which they ended.
        lost: Accepted jobs that are not there, did not end, or failed through no fault of theirs.
        doubled: Accepted requests that became more than one job, and jobs that made more or less
            than one thing.
        faults: Everything else that should not be, in words.
        pruned: What was left that no record names, which the service removes after a day.
    """

    jobs: Mapping[str, int]
    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    faults: tuple[str, ...]
    pruned: int

    def assert_whole(self) -> None:
        """Insist that nothing is amiss."""
        assert (self.lost, self.doubled, self.faults) == ((), (), ()), self


def judge(
    deployment: Deployment, accepted: Mapping[str, str], may_fail: Iterable[str] = ()
) -> Judgement:
    """Look at everything a service has, after all its jobs should have ended.

    Args:
        deployment: The service; it may run.
        accepted: The jobs that were answered 202, by the key of the request.
        may_fail: Jobs that are broken by themselves.
    """
    records = deployment.records
    jobs = {job.id: job for job in _all(records.jobs.jobs)}
    logs = {job_id: _log(records, job_id) for job_id in jobs}
    lost = [job_id for job_id in accepted.values() if not _has_ended(jobs.get(job_id), may_fail)]
    extra = jobs.keys() - set(accepted.values())
    doubled = [*extra, *_repeated(accepted.values()), *_commits(records, jobs)]
    faults = [fault for job_id in jobs for fault in _faults_of_log(jobs[job_id], logs[job_id])]
    faults += _faults_of_artifacts(deployment)
    faults += [f"upload {each.name} is left" for each in _left(deployment, "uploads")]
    faults += [f"staging {each.name} is left" for each in _left(deployment, "staging")]
    faults += _faults_of_database(records, deployment.data_dir)
    pruned = prune(records, LocalArtifacts(deployment.data_dir), min_age_seconds=0)
    states = Counter(str(jobs[each].state) for each in accepted.values() if each in jobs)
    return Judgement(states, tuple(lost), tuple(doubled), tuple(faults), pruned)


def _all(page: Callable[..., Page[T]]) -> list[T]:
    found, cursor = [], None
    while True:
        part = page(cursor=cursor, limit=500)
        found += part.items
        cursor = part.next_cursor
        if cursor is None:
            return found


def _log(records: Records, job_id: str) -> list[Event]:
    log: list[Event] = []
    while more := records.jobs.events(job_id, after=len(log)):
        log += more
    return log


def _has_ended(job: Job | None, may_fail: Iterable[str]) -> bool:
    if job is None or not job.state.done:
        return False
    return job.state is not JobState.FAILED or job.id in may_fail


def _repeated(job_ids: Iterable[str]) -> list[str]:
    return [job_id for job_id, times in Counter(job_ids).items() if times > 1]


def _commits(records: Records, jobs: Mapping[str, Job]) -> list[str]:
    """Name the jobs that succeeded without making one thing, or made one without succeeding."""
    ready = [each for each in _all(records.catalog.datasets) if each.state is DatasetState.READY]
    made: list[Any] = [*ready, *_all(records.catalog.models)]
    made += _all(records.releases.synthetic_sets)
    num_made = Counter(each.job_id for each in made)
    succeeded = {job.id: 1 for job in jobs.values() if job.state is JobState.SUCCEEDED}
    return [job_id for job_id in jobs if num_made[job_id] != succeeded.get(job_id, 0)]


def _faults_of_log(job: Job, log: list[Event]) -> list[str]:
    faults = []
    if [event.sequence for event in log] != list(range(1, len(log) + 1)):
        faults.append(f"the log of {job.id} has a gap")
    states = [event.data["state"] for event in log if event.kind == EventKind.STATE]
    ends = [JobState(state).done for state in states]
    num_retries = sum(ends[:-1])  # an end that a client did not leave at that
    num_done = sum(event.kind == EventKind.DONE for event in log)
    if num_done != 1 + num_retries or states[-1] != job.state or log[-1].kind != EventKind.DONE:
        faults.append(f"the log of {job.id} names {num_done} ends, and last {states[-1]}")
    if any(ended and later != "queued" for ended, later in zip(ends, states[1:], strict=False)):
        faults.append(f"{job.id} went on after its end")
    num_claims = states.count("running")
    if num_claims != job.attempt:
        faults.append(f"{job.id} has {job.attempt} attempts, its log {num_claims}")
    return faults


def _faults_of_artifacts(deployment: Deployment) -> list[str]:
    """Read everything that was made, and compare it with the digests in the records."""
    records, artifacts = deployment.records, deployment.data_dir / "artifacts"
    sets, models = _all(records.releases.synthetic_sets), _all(records.catalog.models)
    datasets = [d for d in _all(records.catalog.datasets) if d.state is DatasetState.READY]
    checks: list[tuple[Any, Callable[[Path, Any], bool]]] = [
        *((each, _is_dataset_whole) for each in datasets),
        *((each, _is_model_whole) for each in models),
        *((each, _is_set_whole) for each in sets),
    ]
    return [
        f"{made.id} is not what was made"
        for made, check in checks
        if not _holds(check, artifacts, made)
    ]


def _holds(check: Callable[[Path, Any], bool], artifacts: Path, made: Any) -> bool:
    try:
        return check(artifacts, made)
    except (OSError, ValueError, KeyError, SetNotVerified):
        return False


def _is_model_whole(artifacts: Path, model: Any) -> bool:
    weights = (artifacts / model.snapshot.key).read_bytes()
    return bool(hashlib.sha256(weights).hexdigest() == model.card.weights_sha256)


def _is_set_whole(artifacts: Path, made: Any) -> bool:
    return verify_set(artifacts / made.zip.key).num_images == made.num_images


def _is_dataset_whole(artifacts: Path, dataset: Any) -> bool:
    """Whether a pixel store can be read to its end and holds what its record says."""
    store = PixelStore.open(artifacts / dataset.artifact.key)
    num_images = sum(split.images for split in dataset.classes.values())
    size = (num_images, dataset.image_size, dataset.image_size)
    drawn = all(image.min() < image.max() for image in np.asarray(store.pixels))
    return store.fingerprint == dataset.fingerprint and store.pixels.shape == size and drawn


def _left(deployment: Deployment, folder: str) -> list[Path]:
    return list((deployment.data_dir / folder).glob("*"))


def _faults_of_database(records: Records, data_dir: Path) -> list[str]:
    faults = []
    database = data_dir / "synthcxr.db"
    if database.exists():
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            [found] = connection.execute("PRAGMA integrity_check").fetchone()
            broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        connection.close()
        if (found, broken) != ("ok", []):
            faults.append(f"the database is damaged: {found} {broken}")
        verified = subprocess.run(
            [sys.executable, "-m", "synthcxr", "audit", "verify", "--data-dir", str(data_dir)],
            capture_output=True,
            text=True,
            check=False,
        )
        if verified.returncode:
            faults.append(f"the audit log is broken: {verified.stderr[-300:]}")
    return faults
