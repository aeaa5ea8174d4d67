"""A disk that is full and a database that somebody holds: refused by name, and nothing is lost."""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.faults import campaign as faults
from tests.faults.campaign import COUNTS, Campaign
from tests.faults.deployment import deployed
from tests.faults.judge import judge

SIZE = "48m"
WORKERS = {"worker-1": "cpu.ingest", "worker-2": "cpu.ingest"}
HELD_SECONDS = 8

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that is soon full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = [
        shutil.which("mount") or "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={SIZE},mode=0700",
        "none",
        str(folder),
    ]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a file system cannot be mounted here (that takes root)")
    yield folder
    subprocess.run([shutil.which("umount") or "umount", "-l", str(folder)], check=True)


def test_what_a_full_disk_refused_is_done_once_there_is_room(small_disk: Path) -> None:
    with deployed(small_disk / "data", WORKERS) as deployment:
        campaign = faults.begin(deployment, 1)
        rest = small_disk / "rest"
        for _ in range(2):
            campaign.run_actions([lambda: None], 3.0, num_open=3)
            fill(rest)
            refused = [ask(campaign) for _ in range(5)]
            wait(campaign, 3.0)
            rest.unlink()
            wait(campaign, 1.0)
            assert {code for code in refused if code != 202} <= {503, 507}
        failed = [job for job in campaign.client.jobs() if job.error]
        assert {job.error.code for job in failed if job.error} <= {"storage_full"}
        for job in failed:
            assert deployment.http.post(f"/jobs/{job.id}/retry").status_code == 202
        deployment.wait_until(lambda: all(job.state.done for job in campaign.client.jobs()))
        judge(deployment, campaign.client.accepted).assert_whole()


def fill(file: Path) -> None:
    """Leave no room on the disk of a file."""
    with suppress(OSError), file.open("wb", buffering=0) as rest:
        while True:
            rest.write(bytes(2**16))


def ask(campaign: Campaign) -> int:
    """Ask for a job once, and keep it in mind where it is accepted."""
    phantom = {"class_counts": COUNTS, "image_size": 64}
    answer = campaign.deployment.http.post("/datasets", json={"phantom": phantom})
    if answer.status_code == 202:
        campaign.client.accepted[answer.json()["id"]] = answer.json()["id"]
    return answer.status_code


def wait(campaign: Campaign, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        campaign.deployment.tick()
        time.sleep(0.05)


def test_a_database_that_is_held_for_seconds_costs_time_alone(tmp_path: Path) -> None:
    with deployed(tmp_path / "data", WORKERS) as deployment:
        campaign = faults.begin(deployment, 2)
        campaign.run_actions([lambda: None], 3.0, num_open=3)
        with closing(sqlite3.connect(deployment.data_dir / "synthcxr.db", timeout=30)) as held:
            held.execute("BEGIN EXCLUSIVE")
            answers = {deployment.http.get(path).status_code for path in ("/healthz", "/version")}
            assert answers == {200}  # they ask no database
            wait(campaign, HELD_SECONDS)
        campaign.run_actions([lambda: None], 3.0, num_open=3)
        assert campaign.client.wrong == []
        judge(deployment, campaign.client.accepted).assert_whole()
