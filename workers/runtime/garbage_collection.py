"""Removes what attempts left behind that no record names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from service.domain.errors import JobNotFound
from service.domain.job import Job, JobKind, JobState
from service.domain.ports import ArtifactStore
from service.domain.record_ports import Records

log = structlog.get_logger()

# what is younger may belong to an attempt that is about to commit
MIN_AGE_SECONDS = 24 * 3600.0
UPLOAD_RETENTION_SECONDS = 24 * 3600.0


def prune(
    records: Records,
    artifacts: ArtifactStore,
    min_age_seconds: float = MIN_AGE_SECONDS,
    upload_retention_seconds: float = UPLOAD_RETENTION_SECONDS,
) -> int:
    """Remove unnamed artifacts, staging folders and uploads; returns how many went.

    Args:
        records: Name what is needed.
        artifacts: The store.
        min_age_seconds: Least age of what goes.
        upload_retention_seconds: How long an ingest that failed or was cancelled can be retried.
    """
    before = datetime.now(UTC) - timedelta(seconds=min_age_seconds)
    changes = dict(artifacts.folders())
    referenced = records.catalog.referenced_artifacts()
    doomed = [key for key, at in changes.items() if at < before and key not in referenced]
    for key in doomed:
        artifacts.delete(key)
        log.info("pruned", name=key)
    num_uploads = 0
    for job_id, received_at in list(artifacts.uploads()):
        job = _job(records, job_id)
        if job is None:  # being submitted, or deleted
            outdated = received_at < before
        else:
            outdated = _is_of_no_use(job, timedelta(seconds=upload_retention_seconds))
        if outdated:
            artifacts.delete_upload(job_id)
            log.info("pruned", name=job_id)
            num_uploads += 1
    return len(doomed) + num_uploads + artifacts.discard_unfinished(before)


def _job(records: Records, job_id: str) -> Job | None:
    """Return the ingest that an upload was received for, if it is there."""
    try:
        return records.jobs.job(job_id)
    except JobNotFound:
        return None


def _is_of_no_use(job: Job, retention: timedelta) -> bool:
    """Say whether a job's upload may go: it succeeded, or ended too long ago to be retried.

    What was sent to be scored is kept no longer than the job; sending it again is easy.
    """
    if job.state is JobState.SUCCEEDED:  # and its process died before it could remove it
        return True
    if job.state is JobState.CANCELLED and job.kind is JobKind.SCORE:
        return True
    return job.finished_at is not None and datetime.now(UTC) - job.finished_at >= retention
