"""Removes what attempts left behind that no record names."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from service.domain.errors import JobNotFound
from service.domain.job import JobState
from service.domain.ports import Records

log = structlog.get_logger()

# what is younger may belong to an attempt that is about to commit
MIN_AGE_SECONDS = 24 * 3600.0


def prune(records: Records, data_dir: Path, min_age_seconds: float = MIN_AGE_SECONDS) -> int:
    """Remove unnamed artifacts, staging folders and uploads; returns how many went."""
    referenced = records.catalog.referenced_artifacts()
    artifacts = data_dir.resolve() / "artifacts"
    doomed = [
        folder
        for folder in artifacts.glob("*/*")
        if str(folder.relative_to(artifacts)) not in referenced
    ]
    doomed += (data_dir.resolve() / "staging").glob("*")
    uploads = (data_dir.resolve() / "uploads").glob("*")
    doomed += [upload for upload in uploads if not _still_needed(records, upload.stem)]
    outdated = list(_older(doomed, time.time() - min_age_seconds))
    for leftover in outdated:
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
        log.info("pruned", name=leftover.name)
    return len(outdated)


def _still_needed(records: Records, job_id: str) -> bool:
    """Whether an ingest may yet read its upload: until it succeeded."""
    try:
        return records.jobs.job(job_id).state is not JobState.SUCCEEDED
    except JobNotFound:
        return False


def _older(leftovers: list[Path], than: float) -> Iterator[Path]:
    for leftover in leftovers:
        try:
            newest = max(path.lstat().st_mtime for path in [leftover, *leftover.rglob("*")])
        except FileNotFoundError:  # somebody is at work there
            continue
        if newest < than:
            yield leftover
