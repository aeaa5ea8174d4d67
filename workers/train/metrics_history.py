"""Losses, KID and memorisation over a training, read back from the job's event log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.domain.job import EventKind
from service.domain.job_ports import JobReads
from service.domain.model_card import MemorisationCheck
from workers.train.kid_monitor import KID

MAX_POINTS = 200
MEMORISATION = "memorisation_standard_errors"  # the name of the monitor's metric
_PAGE = 500


def learning_curve(jobs: JobReads, job_id: str) -> tuple[dict[str, Any], ...]:
    """Collect points `{phase, images_seen, <name>: value, ...}`, oldest first.

    At most 200 of losses, evenly, and every one of KID, of which there are few.
    """
    points = [each for each in _points(jobs, job_id) if MEMORISATION not in each]
    of_losses = [number for number, each in enumerate(points) if KID not in each]
    stride = -(-len(of_losses) // MAX_POINTS) or 1
    kept = {*of_losses[::stride]}
    return tuple(each for number, each in enumerate(points) if number in kept or KID in each)


def memorisation_curve(jobs: JobReads, job_id: str) -> tuple[MemorisationCheck, ...]:
    """Collect what the monitor measured, oldest first."""
    return tuple(
        MemorisationCheck(each["images_seen"], round(each[MEMORISATION], 2))
        for each in _points(jobs, job_id)
        if MEMORISATION in each
    )


def _points(jobs: JobReads, job_id: str) -> Iterator[dict[str, Any]]:
    place: dict[str, Any] = {}
    after = 0
    while events := jobs.events(job_id, after=after, limit=_PAGE):
        after = events[-1].sequence
        for event in events:
            if event.kind == EventKind.PROGRESS:
                place = {key: event.data[key] for key in ("phase", "images_seen")}
            elif event.kind == EventKind.METRICS:
                yield {**place, **event.data}
