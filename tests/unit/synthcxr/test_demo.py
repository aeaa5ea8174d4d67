from __future__ import annotations

import sys
from pathlib import Path

import pytest

from synthcxr.client import Client
from synthcxr.demo import PHANTOM_IMAGES, _add_dataset, _Stopwatch, _wait_until_it_answers
from synthcxr.embedded.processes import Child, Program
from synthcxr.errors import CannotStart


class Recorder:
    """Stands in for a client and remembers how a dataset was asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []

    @property
    def datasets(self) -> Recorder:
        return self

    def __getattr__(self, name: str):
        return lambda first, **options: self.calls.append((name, first))


def test_without_data_phantoms_of_three_classes_are_drawn() -> None:
    recorder = Recorder()
    _add_dataset(recorder, None)
    assert recorder.calls == [("add_phantoms", PHANTOM_IMAGES)]
    assert len(PHANTOM_IMAGES) == 3


def test_a_folder_is_read_where_it_lies_and_a_zip_is_uploaded(tmp_path: Path) -> None:
    archive = tmp_path / "images.zip"
    archive.touch()
    recorder = Recorder()
    _add_dataset(recorder, tmp_path)
    _add_dataset(recorder, archive)
    assert recorder.calls == [
        ("add_from_server", str(tmp_path)),
        ("upload", archive),
    ]


def test_a_service_that_dies_while_starting_is_reported_in_its_own_words(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "raise SystemExit('Error: no message broker found')")
    service = Child(Program("up", command), tmp_path / "up.log")
    service.start()
    with (
        Client("http://127.0.0.1:9") as client,
        pytest.raises(CannotStart, match="no message broker found"),
    ):
        _wait_until_it_answers(client, service)


def test_each_phase_is_timed_under_its_name() -> None:
    stopwatch = _Stopwatch()
    with stopwatch.lap("ingest"):
        pass
    with stopwatch.lap("train"):
        pass
    assert list(stopwatch.laps) == ["ingest", "train"]
    assert all(seconds >= 0 for seconds in stopwatch.laps.values())
