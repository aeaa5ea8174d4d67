"""Removes what attempts left behind that no record names."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from service.domain.errors import JobNotFound
from service.domain.job import Claim, Job, JobState
from service.domain.record_ports import Records

log = structlog.get_logger()

# what is younger may belong to an attempt that is about to commit
MIN_AGE_SECONDS = 24 * 3600.0
UPLOAD_RETENTION_SECONDS = 24 * 3600.0


def prune(
    records: Records,
    data_dir: Path,
    min_age_seconds: float = MIN_AGE_SECONDS,
    upload_retention_seconds: float = UPLOAD_RETENTION_SECONDS,
) -> int:
    """Remove unnamed artifacts, staging folders and uploads; returns how many went.

    Args:
        records: Name what is needed.
        data_dir: The data directory.
        min_age_seconds: Least age of what goes.
        upload_retention_seconds: How long an ingest that failed or was cancelled can be retried.
    """
    referenced = records.catalog.referenced_artifacts()
    artifacts = data_dir.resolve() / "artifacts"
    doomed = [
        folder
        for folder in artifacts.glob("*/*")
        if str(folder.relative_to(artifacts)) not in referenced
    ]
    doomed += (data_dir.resolve() / "staging").glob("*")
    outdated = list(_older(doomed, time.time() - min_age_seconds))
    retention = timedelta(seconds=upload_retention_seconds)
    for upload in (data_dir.resolve() / "uploads").glob("*.zip"):
        job = _job_of(records, upload)
        if job is None:  # being submitted, or deleted
            outdated += _older([upload], time.time() - min_age_seconds)
        elif _is_of_no_use(job, retention):
            outdated.append(upload)
    for leftover in outdated:
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
        log.info("pruned", name=leftover.name)
    return len(outdated)


def discard_attempt(data_dir: Path, claim: Claim) -> None:
    """Remove what an attempt that is over staged and did not publish."""
    name = f"{claim.job_id}-{claim.attempt}"
    staging = data_dir.resolve() / "staging"
    for folder in [staging / name, *staging.glob(f"{name}-*")]:
        shutil.rmtree(folder, ignore_errors=True)


def _job_of(records: Records, upload: Path) -> Job | None:
    """Return the ingest that an upload was received for, if it is there."""
    try:
        return records.jobs.job(upload.stem)
    except JobNotFound:
        return None


def _is_of_no_use(job: Job, retention: timedelta) -> bool:
    """Say whether a job's upload may go: it succeeded, or ended too long ago to be retried."""
    if job.state is JobState.SUCCEEDED:  # and its process died before it could remove it
        return True
    return job.finished_at is not None and datetime.now(UTC) - job.finished_at >= retention


def _older(leftovers: list[Path], than: float) -> Iterator[Path]:
    for leftover in leftovers:
        try:
            newest = max(path.lstat().st_mtime for path in [leftover, *leftover.rglob("*")])
        except FileNotFoundError:  # somebody is at work there
            continue
        if newest < than:
            yield leftover
