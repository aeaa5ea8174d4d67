"""A training's losses over the images it saw, read back from its durable log."""

from __future__ import annotations

from typing import Any

from service.domain.job import EventKind
from service.domain.ports import Records

MAX_POINTS = 200
_PAGE = 500


def learning_curve(records: Records, job_id: str) -> list[dict[str, Any]]:
    """Collect at most 200 points `{phase, images_seen, <loss>: value, ...}`, oldest first."""
    points: list[dict[str, Any]] = []
    place: dict[str, Any] = {}
    after = 0
    while events := records.events(job_id, after=after, limit=_PAGE):
        after = events[-1].sequence
        for event in events:
            if event.kind == EventKind.PROGRESS:
                place = {key: event.data[key] for key in ("phase", "images_seen")}
            elif event.kind == EventKind.METRICS:
                points.append({**place, **event.data})
    stride = -(-len(points) // MAX_POINTS) or 1
    return points[::stride]
