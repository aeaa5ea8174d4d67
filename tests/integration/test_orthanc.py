"""Both ways through a real Orthanc; skipped where its Debian packages are not installed."""

import json
import shutil
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from service.domain.job import JobState
from service.settings import DicomwebServerSettings
from tests.fake_pacs import radiograph
from tests.integration.dicomweb_jobs import COUNTS, a_set, ask, pushed
from tests.integration.jobs import finished, submit_ingest

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
ORTHANC = shutil.which("Orthanc", path="/usr/sbin:/usr/bin")
START_SECONDS = 60
FILES = {
    f"dicom/{label}/{index:06}.dcm": radiograph(index, label)
    for label, count in COUNTS.items()
    for index in range(count)
}

pytestmark = pytest.mark.skipif(
    ORTHANC is None or not PLUGIN.exists(),
    reason="Orthanc is not installed: apt-get install orthanc orthanc-dicomweb",
)


@pytest.fixture
def orthanc(tmp_path):
    """A server that asks for a password, in a folder of the test's own."""
    folder = tmp_path / "orthanc"
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "StorageDirectory": str(folder),
        "IndexDirectory": str(folder),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"cxr": "secret"},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    process = subprocess.Popen(
        [ORTHANC, str(folder / "settings.json")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, auth=("cxr", "secret"), trust_env=False) as client:
        try:
            wait_for(client, process)
            yield client
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def wait_for(client, process):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.get("/system").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("Orthanc does not start")


@pytest.fixture
def context(context, orthanc, tmp_path):
    (tmp_path / "password").write_text("secret")
    server = DicomwebServerSettings(
        url=f"{orthanc.base_url}/dicom-web",
        allow={"read", "push"},
        username="cxr",
        password_file=tmp_path / "password",
    )
    settings = context.settings.model_copy(update={"dicomweb_servers": {"pacs": server}})
    return replace(context, settings=settings)


def stored_in(client):
    instances = client.get("/instances").raise_for_status().json()
    return {client.get(f"/instances/{each}/file").content for each in instances}


def test_what_is_pushed_is_read_back_equal_and_becomes_a_dataset(context, orthanc, tmp_path):
    released = a_set(context, files=FILES)
    for _ in range(2):
        job = pushed(context, released)
        assert job.state is JobState.SUCCEEDED, job.error
    assert stored_in(orthanc) == set(FILES.values())

    queries = [
        {"label": "normal", "attributes": {"StudyDescription": "THORAX?NORMAL"}},
        {
            "label": "effusion",
            "study_date": "20200101-20201231",
            "attributes": {"PatientID": "P-effusion-*"},
        },
    ]
    asked = [query | {"modality": ["CR", "DX"], "body_part": "CHEST"} for query in queries]
    [by_query, by_numbers] = (
        dataset_of(context, ask(context, each)) for each in (asked, by_accession_number())
    )
    assert {label: split.images for label, split in by_query.classes.items()} == COUNTS
    assert by_query.version == by_numbers.version  # the same images, patients and labels

    folder = tmp_path / "files"
    for name, content in FILES.items():
        path = folder / name.removeprefix("dicom/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    by_folder = dataset_of(context, submit_ingest(context, {"path": str(folder)}))
    assert by_query.version == by_folder.version


def dataset_of(context, job_id):
    job = finished(context, job_id)
    assert job.state is JobState.SUCCEEDED, job.error
    return context.records.catalog.dataset(job.result.dataset_id)


def by_accession_number():
    return [
        {
            "label": label,
            "modality": ["DX"],
            "accession_numbers": [f"A-{label}-{index}" for index in range(count)],
        }
        for label, count in COUNTS.items()
    ]


def test_a_wrong_password_is_named_and_not_shown(context, tmp_path):
    (tmp_path / "password").write_text("wrong")
    job = finished(context, ask(context, by_accession_number()))
    assert (job.state, job.error.code) == (JobState.FAILED, "dicomweb_denied")
    assert "wrong" not in str(job.error)
