"""The push job: the DICOM files of a released set, sent to a DICOMweb server.

The set fixes the identifier of every image, so whatever an earlier attempt sent is sent again
without making anything twice: no state of a half-done push need survive.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import dcmread

from models.training.checkpoints import file_digest
from release.cancellation import check_cancelled
from service.domain import access
from service.domain.approvals import Approvals
from service.domain.approvers import Approvers
from service.domain.dicomweb import allowed_server
from service.domain.errors import ArtifactMissing, SetWithoutDicom
from service.domain.records import PushedSet
from service.domain.requests import PushRequest
from workers.dicomweb.cancellable import for_each, run
from workers.dicomweb.connection import Connection
from workers.dicomweb.storage import store
from workers.runtime.attempt import Attempt
from workers.runtime.progress import ProgressEstimator

_FOLDER = "dicom/"
_FILES_AT_ONCE = 50
_BYTES_AT_ONCE = 4 * 2**20

Batch = list[bytes]


def push(attempt: Attempt, request: PushRequest) -> PushedSet:
    """Send a set, once more checked: it may have been withdrawn since the push was asked for.

    Raises:
        SyntheticSetNotFound, SetRefused, SetInconclusive: It is not released.
        ApprovalMissing: It was made anew, or more people have to approve it now.
        ArtifactMissing: Its archive is gone or is not the one that was released.
        DicomwebFailed: See the error tree.
    """
    made = attempt.records.releases.synthetic_set(request.synthetic_set_id)
    released = access.to_be_pushed(made)
    required = attempt.settings.required_approvals
    if required:
        records = attempt.records
        approvers = Approvers(attempt.job.tenant, records.api_keys, records.audit)
        Approvals.of(approvers, made, required).check_complete(made)
    server = allowed_server(
        attempt.settings.named_dicomweb_servers, request.server, "push", attempt.job.tenant
    )
    archive = attempt.artifacts.path(released.key)
    if not archive.exists() or file_digest(archive) != released.sha256:
        raise ArtifactMissing.named(made.id)
    seconds = attempt.settings.dicomweb_request_seconds
    _Pushing(attempt, archive, made.id, Connection(server, seconds)).run()
    return PushedSet(made.id, request.server)


@dataclass
class _Pushing:
    attempt: Attempt
    archive: Path
    set_id: str
    connection: Connection
    num_sent: int = 0
    num_total: int = 0
    estimator: ProgressEstimator = field(default_factory=ProgressEstimator)

    def run(self) -> None:
        with zipfile.ZipFile(self.archive) as archive:
            names = [name for name in archive.namelist() if name.startswith(_FOLDER)]
            if not names:
                raise SetWithoutDicom.named(self.set_id)
            self.num_total = len(names)
            run(self._send(_batches(archive, names)), self._pulse)
        self._report()

    async def _send(self, batches: Iterator[Batch]) -> None:
        async with self.connection:
            await for_each(batches, self._send_one)

    async def _send_one(self, batch: Batch) -> None:
        await store(self.connection, {_uid(file): file for file in batch})
        self.num_sent += len(batch)

    def _pulse(self) -> None:
        check_cancelled()
        if self.attempt.report_due():
            self._report()

    def _report(self) -> None:
        seen, total = self.num_sent, self.num_total
        self.attempt.report(self.estimator.progress("pushing", seen, total, seen / total))


def _batches(archive: zipfile.ZipFile, names: list[str]) -> Iterator[Batch]:
    """Read the files, as many at a time as one request should carry."""
    batch: Batch = []
    for name in names:
        batch.append(archive.read(name))
        if len(batch) == _FILES_AT_ONCE or sum(map(len, batch)) >= _BYTES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _uid(file: bytes) -> str:
    tags = ["SOPInstanceUID"]
    return str(
        dcmread(io.BytesIO(file), stop_before_pixels=True, specific_tags=tags)[tags[0]].value
    )
