"""Removes what attempts left behind that no record names."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from service.domain.ports import Records

log = structlog.get_logger()

# what is younger may belong to an attempt that is about to commit
MIN_AGE_SECONDS = 24 * 3600.0


def prune(records: Records, data_dir: Path, min_age_seconds: float = MIN_AGE_SECONDS) -> int:
    """Remove unnamed artifacts and staging folders; returns how many folders went."""
    referenced = records.referenced_artifacts()
    artifacts = data_dir.resolve() / "artifacts"
    doomed = [
        folder
        for folder in artifacts.glob("*/*")
        if str(folder.relative_to(artifacts)) not in referenced
    ]
    doomed += (data_dir.resolve() / "staging").glob("*")
    outdated = list(_older(doomed, time.time() - min_age_seconds))
    for folder in outdated:
        shutil.rmtree(folder, ignore_errors=True)
        log.info("pruned", folder=folder.name)
    return len(outdated)


def _older(folders: list[Path], than: float) -> Iterator[Path]:
    for folder in folders:
        newest = max((path.lstat().st_mtime for path in [folder, *folder.rglob("*")]), default=0)
        if newest < than:
            yield folder
