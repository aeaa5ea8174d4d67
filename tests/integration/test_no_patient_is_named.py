"""Names of patients, planted wherever an upload has text, stay where a scope shows them."""

import json
import zipfile
from dataclasses import asdict

import numpy as np
import pytest
import structlog
from PIL import Image, PngImagePlugin

from radiographs.phantom import draw
from service.adapters.listed_files import dropped_files
from service.domain import access
from service.domain.caller import PRIVATE_READ
from service.logs import configure_logs
from tests.integration.jobs import finished, submit_ingest

NAMES = [f"CANARY^{number:03d}" for number in range(220)]


@pytest.fixture(autouse=True)
def log_of_others():
    """Let other tests log as they did; these log as a worker does."""
    kept = structlog.get_config()
    yield
    structlog.configure(**kept)


@pytest.fixture
def patients():
    """Hand out a new name each time."""
    return iter(NAMES)


def write_image(path, index, **text):
    path.parent.mkdir(parents=True, exist_ok=True)
    about = PngImagePlugin.PngInfo()
    for key, value in text.items():
        about.add_text(key, value)
    Image.fromarray(draw("normal", seed=1, index=index, size=64).pixels).save(path, pnginfo=about)


def write_set(folder, patients):
    """Write good images and some of every fault, all of them named after patients."""
    rows = ["file,label,patient_id,remark"]
    for index in range(46):
        file = f"{next(patients)}.png"
        write_image(folder / file, index, PatientName=next(patients))
        rows.append(f"{file},{'ab'[index % 2]},{next(patients)},{next(patients)}")
    cut = (folder / rows[1].partition(",")[0]).read_bytes()[:200]
    bad = f"{next(patients)}.png"
    (folder / bad).write_bytes(cut)
    rows += [f"{bad},a,{next(patients)},", f"{next(patients)}.png,b,{next(patients)},"]
    write_image(folder / f"{next(patients)}.png", 47)  # without a row
    return rows


def faults(rows, patients):
    """Return tables of labels that are refused, each for a reason of its own."""
    yield rows[1:]  # no header
    yield [*rows, f"{next(patients)}.png"]  # too few cells
    yield [*rows, f"{next(patients)}.png,={next(patients)},,"]
    yield [*rows, f"../{next(patients)}.png,a,,"]
    yield [*rows, rows[1].replace(",a,", ",b,")]  # two labels
    yield [*rows, f'"{next(patients)}.png,a,,']
    yield [*rows[:2], *(row.replace(",b,", ",a,") for row in rows[2:])]  # one class
    yield [*rows[:-1], rows[2].replace(",b,", f",{next(patients)},")]
    yield [*rows, *(f"{next(patients)}.png,a,{next(patients)}," for _ in range(4))]  # many missing


def seen(context, job, scopes):
    """Return all that a caller can read of an ingest, as text."""
    events = context.records.jobs.events(job.id)
    dataset = context.records.catalog.dataset(job.request.dataset_id)
    page = dropped_files(context.artifacts, dataset, None, 200)
    return json.dumps(
        [
            asdict(access.job(scopes, job)),
            [asdict(access.event(scopes, each)) for each in events],
            access.dataset(scopes, dataset) | {"source": None},
            [access.listed_file(scopes, each) for each in page.items],
        ],
        default=str,
    )


def test_two_hundred_names_are_in_no_error_event_or_log(context, tmp_path, patients, capfd):
    configure_logs("DEBUG")
    folder = tmp_path / "set"
    rows = write_set(folder, patients)
    jobs = []
    for table in [rows, *faults(rows, patients)]:
        (folder / "labels.csv").write_text("\n".join(table))
        jobs.append(finished(context, submit_ingest(context, {"path": str(folder)})))
    (folder / "labels.csv").unlink()
    for label in (next(patients), f"{next(patients)}\u202e"):  # folders of one patient each
        write_image(folder / label / f"{next(patients)}.png", 7, Comment=next(patients))
        jobs.append(finished(context, submit_ingest(context, {"path": str(folder)})))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr(f"../{next(patients)}.png", np.zeros(9).tobytes())
    path = {"path": str(tmp_path / "set.zip")}
    jobs.append(finished(context, submit_ingest(context, path)))

    assert jobs[0].error is None
    assert {job.error.code for job in jobs[1:]} <= {
        *("labels_invalid", "single_class", "class_too_small", "too_many_bad_files"),
        "archive_unsafe_path",
    }
    for job in jobs:
        assert "CANARY" not in seen(context, job, ())
    assert "CANARY" not in "".join(capfd.readouterr())
    assert "CANARY" in seen(context, jobs[0], {PRIVATE_READ})
    assert next(patients) > NAMES[200]


def test_a_failure_without_a_name_is_logged_without_what_it_quotes(context, monkeypatch, capfd):
    configure_logs("DEBUG")

    def fail(*_):
        raise KeyError("CANARY^000.png")

    monkeypatch.setattr("workers.ingest.job.ingest_images", fail)
    job = finished(context, submit_ingest(context))
    assert job.error.code == "internal_error"
    printed = "".join(capfd.readouterr())
    assert "job failed" in printed
    assert "CANARY" not in printed + seen(context, job, {PRIVATE_READ})
