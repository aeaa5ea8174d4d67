"""Fetching the images of a dataset from a DICOMweb server, so that a killed job goes on.

A private folder of the job holds the list of what was found and every file that is whole. It is no
attempt's staging, since the next attempt goes on with it; it goes when the job is done, see
`workers.runner`, and is part of no backup.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from radiographs.bad_files import MAX_BAD_SHARE
from release.cancellation import check_cancelled
from service.adapters.durable_files import replace_file
from service.domain import errors
from service.domain.dicomweb import DicomwebServer, allowed_server
from service.domain.requests import DicomwebQuery, DicomwebSource
from workers.dicomweb.cancellable import for_each, run
from workers.dicomweb.connection import Connection, Missing
from workers.dicomweb.retrieval import fetch
from workers.dicomweb.search import Instance, instances
from workers.ingest.fetched_images import SUFFIX, FetchedImages
from workers.runtime.attempt import Attempt
from workers.runtime.progress import ProgressEstimator

_FOUND = "found.json"
_MAX_UNREACHABLE = 8  # images in a row, each tried several times
_CHECKPOINT_SECONDS = 10.0

Labels = dict[Instance, str]


def fetched(attempt: Attempt, source: DicomwebSource) -> FetchedImages:
    """Find and fetch the images of a source.

    Raises:
        DicomwebFailed: See the error tree.
    """
    server = allowed_server(
        attempt.settings.named_dicomweb_servers, source.server, "read", attempt.job.tenant
    )
    folder = attempt.artifacts.path(f"checkpoints/{attempt.job.id}/fetched")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _Fetching(attempt, source, server, folder).run()


@dataclass
class _Fetching:
    attempt: Attempt
    source: DicomwebSource
    server: DicomwebServer
    folder: Path
    failures: dict[Instance, str] = field(default_factory=dict)
    phase: str = "searching"
    num_seen: int = 0
    num_total: int = 0
    num_bytes: int = 0
    num_unreachable: int = 0  # since something was last fetched
    checkpoint_at: float = field(default_factory=time.monotonic)
    estimator: ProgressEstimator = field(default_factory=ProgressEstimator)

    def run(self) -> FetchedImages:
        labels = run(self._work(), self._pulse)
        return FetchedImages(self.folder, labels, self.failures)

    async def _work(self) -> Labels:
        seconds = self.attempt.settings.dicomweb_request_seconds
        async with Connection(self.server, seconds) as connection:
            labels = self._found_before() or await self._find(connection)
            self.phase, self.num_seen, self.num_total = "fetching", 0, len(labels)
            await for_each(labels, lambda each: self._fetch(connection, each))
            return labels

    def _found_before(self) -> Labels | None:
        """Return what an earlier attempt found, if it came so far."""
        try:
            rows = json.loads((self.folder / _FOUND).read_bytes())
        except FileNotFoundError:
            return None
        return {Instance(*row[:3]): row[3] for row in rows}

    async def _find(self, connection: Connection) -> Labels:
        labels: Labels = {}
        for number, query in enumerate(self.source.queries, 1):
            await self._find_one(connection, labels, number, query)
        rows = [[*instance, label] for instance, label in labels.items()]
        replace_file(self.folder / _FOUND, json.dumps(rows).encode())
        return labels

    async def _find_one(
        self, connection: Connection, labels: Labels, number: int, query: DicomwebQuery
    ) -> None:
        most = self.source.max_instances
        num_before = len(labels)

        def seen(num_found: int) -> None:
            self.num_seen = num_before + num_found

        found = await instances(connection, query, most, seen)
        which = f"query {number} of {len(self.source.queries)}"
        if not found:
            raise errors.DicomwebNothingFound(
                f"The DICOMweb server {self.server.name} found nothing for {which}. Check how "
                "its values are written, capital letters too; then ask for less: first without "
                "body_part, which many images do not say."
            )
        if any(labels.get(each, query.label) != query.label for each in found):
            raise errors.DicomwebLabelsConflict(
                f"Images of {which} were found by an earlier query too, which gives them another "
                "label. Narrow the queries until each image has one class."
            )
        labels |= dict.fromkeys(found, query.label)
        if len(labels) > most:
            raise errors.DicomwebTooMuch(
                f"The queries find more than {most:,} images. Narrow them, or raise max_instances."
            )

    async def _fetch(self, connection: Connection, instance: Instance) -> None:
        target = self.folder / (instance.uid + SUFFIX)
        partial = target.with_suffix(f".part{self.attempt.job.attempt}")
        try:
            there = target.stat().st_size if target.exists() else 0
            self.num_bytes += there or await fetch(connection, instance, target, partial)
            self.num_unreachable = 0
        except Missing as problem:
            self.failures[instance] = problem.reason
            if len(self.failures) > MAX_BAD_SHARE * self.num_total:
                raise errors.DicomwebAnswerInvalid(
                    f"The DICOMweb server {self.server.name} did not give {len(self.failures)} of "
                    f"{self.num_total:,} images, the last because {problem.reason}. Let its "
                    "operator look into it, or narrow the queries to images that it has."
                ) from None
        except errors.DicomwebUnreachable:
            self.num_unreachable += 1
            if self.num_unreachable >= _MAX_UNREACHABLE:
                raise
            self.failures[instance] = "the server failed each time that it was asked"
        self.num_seen += 1
        limit = self.attempt.settings.dicomweb_max_bytes
        if self.num_bytes > limit:
            raise errors.DicomwebTooMuch(
                f"The images have more than {limit:,} bytes together. Narrow the queries, or let "
                "the operator raise SYNTHCXR_DICOMWEB_MAX_BYTES."
            )

    def _pulse(self) -> None:
        check_cancelled()
        if self.attempt.report_due():
            total = self.num_total or None
            share = self.num_seen / self.num_total if self.num_total else 0.0
            self.attempt.report(self.estimator.progress(self.phase, self.num_seen, total, share))
        if self.num_bytes and time.monotonic() - self.checkpoint_at >= _CHECKPOINT_SECONDS:
            self.checkpoint_at = time.monotonic()
            self.attempt.checkpointed(self.num_seen)
