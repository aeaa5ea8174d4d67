"""After a dataset was deleted nothing of it is found anywhere in the data directory."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radiographs.phantom import draw as draw_phantom
from service.adapters.signing_keys import KeyRing
from service.domain.audit import AuditDraft
from service.domain.erasure import carry_out
from service.domain.job import EventKind
from tests.integration.jobs import finished, opened, submit_ingest
from workers.runtime.context import WorkerContext

LABELS = {"normal": "CANARY-LABEL-ONE", "effusion": "CANARY-LABEL-TWO"}
BAD = "CANARY-FILE-bad.png"


@pytest.fixture
def context(tmp_path: Path) -> Iterator[WorkerContext]:
    with opened(tmp_path / "data") as context:
        yield context


def source(folder: Path) -> tuple[Path, set[bytes]]:
    """Write a labelled ZIP; returns it and what must not be found: names, labels, pixels."""
    canaries = {b"CANARY"}
    rows = [("file", "label", "patient_id")]
    path = folder / "CANARY-UPLOAD.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(80):
            kind = "normal" if number % 2 else "effusion"
            pixels = draw_phantom(kind, seed=0, index=number, size=64).pixels
            canaries |= {pixels[row].tobytes() for row in (20, 32, 44) if np.ptp(pixels[row]) > 9}
            content = io.BytesIO()
            Image.fromarray(pixels).save(content, "PNG")
            name = f"CANARY-FILE-{number}.png"
            archive.writestr(name, content.getvalue())
            rows.append((name, LABELS[kind], f"CANARY-PATIENT-{number}"))
        archive.writestr(BAD, b"\x89PNG\r\n\x1a\n")
        rows.append((BAD, LABELS["normal"], "CANARY-PATIENT-bad"))
        table = io.StringIO()
        csv.writer(table).writerows(rows)
        archive.writestr("labels.csv", table.getvalue())
    return path, canaries


def found(data_dir: Path, canaries: set[bytes]) -> dict[str, list[bytes]]:
    """Search every name and every byte."""
    hits = {}
    for path in data_dir.rglob("*"):
        content = str(path.relative_to(data_dir)).encode()
        if path.is_file():
            content += path.read_bytes()
        here = [canary for canary in canaries if canary in content]
        if here:
            hits[str(path.relative_to(data_dir))] = here[:3]
    return hits


def delete(context: WorkerContext, dataset_id: str, *, cascade: bool = True) -> None:
    audit = AuditDraft("default", "anybody", "delete_dataset", dataset_id)
    begun = context.records.deletions.delete_dataset(dataset_id, audit, cascade=cascade)
    keys = KeyRing(context.settings.data_dir)
    carry_out(begun, context.records, context.artifacts, keys, context.clock)


def upload(context: WorkerContext, archive: Path) -> str:
    """Let an ingest have received the archive; returns the job's id."""
    job_id: str = submit_ingest(context, {"upload": "CANARY-UPLOAD.zip"})
    writer = context.artifacts.open_upload(job_id)
    writer.write(archive.read_bytes())
    writer.commit()
    return job_id


@pytest.mark.parametrize("cascade", [False, True])
def test_nothing_of_an_ingested_dataset_is_left(
    context: WorkerContext, tmp_path: Path, cascade: bool
) -> None:
    archive, canaries = source(tmp_path)
    job = finished(context, upload(context, archive))
    assert job.result, job.error
    data_dir = context.settings.data_dir
    before = found(data_dir, canaries)
    assert any(name.endswith(".npy") for name in before), "the search does not find pixels"
    assert "synthcxr.db" in before, "the search does not find names"
    delete(context, job.result.dataset_id, cascade=cascade)
    assert found(data_dir, canaries) == {}


def test_nothing_of_a_failed_ingest_is_left_neither_error_nor_log_nor_upload(
    context: WorkerContext, tmp_path: Path
) -> None:
    archive, canaries = source(tmp_path)
    job_id = upload(context, archive)
    taken = context.records.jobs.claim(job_id, worker="w", lease_seconds=30)
    for number in range(300):  # pages and pages of it
        text = f"CANARY-FILE-{number} of CANARY-PATIENT-{number} " * (number % 40)
        context.records.jobs.record(taken.claim_held, events=[(EventKind.LOG, {"text": text})])
    context.records.jobs.request_cancel(job_id)
    context.records.jobs.finish_cancelled(taken.claim_held)
    (context.artifacts.staging(f"{job_id}-1") / "CANARY-FILE.npy").touch()
    data_dir = context.settings.data_dir
    assert len(found(data_dir, canaries)) >= 3
    delete(context, taken.request.dataset_id)
    assert found(data_dir, canaries) == {}
