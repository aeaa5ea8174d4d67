"""Files that break, deceive or overload readers: each is left out by its own code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.radiographs.hostile import (
    limited,
    made_archives,
    made_dicom_files,
    made_images,
    made_labels,
)

SECONDS = 2.0
ROOT = Path(__file__).parents[4]

Outcomes = dict[str, tuple[str, float]]


@pytest.fixture
def outcomes() -> Callable[[str, Path], Outcomes]:
    """Say what becomes of what lies in a folder, 64 MB above an idle process."""

    def run(kind: str, folder: Path) -> Outcomes:
        program = [sys.executable, "-m", limited.__name__, kind, str(folder)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(program, check=True, capture_output=True, env=environment, cwd=ROOT)
        found: Outcomes = json.loads(done.stdout)
        return found

    return run


def differing(found: Outcomes, expected: dict[str, str]) -> dict[str, object]:
    """Return what became another thing than expected, took too long or was not met at all."""
    return {
        name: (wanted, found.get(name))
        for name, wanted in expected.items()
        if name not in found or found[name][0] not in wanted.split("|") or found[name][1] > SECONDS
    }


def test_every_made_up_file_is_left_out_by_its_code(tmp_path, outcomes):
    made = made_images.images()
    (tmp_path / "class").mkdir()
    for file in made:
        (tmp_path / "class" / file.name).write_bytes(file.data)
    found = outcomes("files", tmp_path)
    assert differing(found, {f"class/{file.name}": file.outcome for file in made}) == {}
    assert len(made) >= 400


def test_every_made_up_dicom_file_is_left_out_by_its_code(tmp_path, outcomes):
    made = made_dicom_files.dicom_files()
    (tmp_path / "class").mkdir()
    for file in made:
        (tmp_path / "class" / file.name).write_bytes(file.data)
    found = outcomes("files", tmp_path)
    assert differing(found, {f"class/{file.name}": file.outcome for file in made}) == {}
    assert len(made) >= 150


def test_nothing_but_regular_files_is_opened_and_no_link_leads_out(tmp_path, outcomes):
    folder = tmp_path / "set" / "class"
    folder.mkdir(parents=True)
    (tmp_path / "outside.png").write_bytes(made_images.encoded())
    (folder / "good.png").write_bytes(made_images.encoded())
    os.mkfifo(folder / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "socket.png"))
    (folder / "folder.png").mkdir()
    (folder / "inside.png").symlink_to(folder / "good.png")
    (folder / "outside.png").symlink_to(tmp_path / "outside.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "nowhere.png").symlink_to(folder / "absent.png")
    (folder / "to-pipe.png").symlink_to(folder / "pipe.png")
    (folder / "to-folder.png").symlink_to(folder)
    sparse(folder / "sparse.png", 2 << 30, b"")
    sparse(folder / "sparse-image.png", 200 << 20, made_images.encoded())
    found = outcomes("files", tmp_path / "set")
    expected = {
        "good.png": "read",
        "inside.png": "read",
        "pipe.png": "not_a_file",
        "to-pipe.png": "not_a_file",
        "socket.png": "not_a_file",
        "to-folder.png": "not_a_file",
        "outside.png": "outside_folder",
        "zero.png": "outside_folder",
        "loop.png": "missing",
        "nowhere.png": "missing",
        "sparse.png": "too_large",
        "sparse-image.png": "too_costly",
    }
    assert differing(found, {f"class/{name}": code for name, code in expected.items()}) == {}
    assert set(found) == {f"class/{name}" for name in expected}


def sparse(path: Path, num_bytes: int, start: bytes) -> None:
    """Make a file of zeros that takes no space on the disk."""
    path.write_bytes(start)
    os.truncate(path, num_bytes)


def test_every_made_up_archive_ends_by_its_code(tmp_path, outcomes):
    made = made_archives.archives()
    for archive in made:
        (tmp_path / archive.name).write_bytes(archive.data)
    expected = {archive.name: archive.outcome for archive in made}
    assert differing(outcomes("archives", tmp_path), expected) == {}


def test_every_made_up_table_of_labels_ends_by_its_code(tmp_path, outcomes):
    made = made_labels.tables()
    for table in made:
        (tmp_path / table.name).mkdir()
        (tmp_path / table.name / "1.png").write_bytes(made_images.encoded())
        (tmp_path / table.name / "labels.csv").write_bytes(table.data)
    expected = {table.name: table.outcome for table in made}
    assert differing(outcomes("tables", tmp_path), expected) == {}
