"""`synthcxr datasets`: what people read of an ingest, and what they are asked before one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from synthcxr.cli import main
from synthcxr.cli.dataset_findings import findings
from synthcxr.cli.options import class_counts, interpolation, mixture
from synthcxr.resources import Dataset

DATASET = {
    "id": "ds_1",
    "state": "ready",
    "classes": {"sick": {"images": 30}, "well": {"images": 32}},
    "dropped": [{"file": None, "code": "truncated", "reason": "The file ends early."}],
    "dropped_counts": {"truncated": 2},
    "warnings": [{"code": "labels_merged", "detail": "Normal, normal as Normal.", "num_images": 9}],
    "summary": {
        "layout": "labels.csv",
        "patient_source": "column Patient ID",
        "num_images_with_patient": 50,
        "num_exact_duplicates": 6,
        "num_near_duplicates": 0,
    },
}


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return int(exit_.value.code or 0)


def test_the_findings_say_classes_patients_copies_what_was_left_out_and_the_warnings() -> None:
    text = "\n".join(findings(Dataset.model_validate(DATASET)))
    for part in (
        *("read as: labels.csv", "class sick: 30", "class well: 32", "50 of 62 images by column"),
        *("each of the other 12 counts as one", "6 exact copies", "left out: 2 files"),
        *("2 truncated", "/datasets/ds_1/dropped", "The file ends early.", "labels_merged"),
    ):
        assert part in text


def test_unknown_patients_are_said_to_count_one_by_one() -> None:
    assert any("not known" in line for line in findings(Dataset(id="ds_1", state="ready")))


def test_drawn_images_have_a_patient_each_and_one_image_is_no_plural() -> None:
    warning = {"code": "burned_in_text", "detail": "Look at them.", "num_images": 1}
    drawn = {"classes": {"well": {"images": 1}}, "warnings": [warning]}
    summary = {"layout": "phantoms"}
    dataset = Dataset(id="ds_1", state="ready", summary=summary, **drawn)
    text = "\n".join(findings(dataset))
    assert "not known" not in text
    assert "class well: 1 image\n" in text
    assert "burned_in_text (1 image): Look at them." in text


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("COVID-19, ARDS=5", {"COVID-19, ARDS": 5}),
        ("COVID-19, ARDS=5,Normal=3", {"COVID-19, ARDS": 5, "Normal": 3}),
        ("a=b=5", {"a=b": 5}),
        ('{"pO2 <= 60, old": 7}', {"pO2 <= 60, old": 7}),
        ('{"a=1,b": 2, "c": 3}', {"a=1,b": 2, "c": 3}),
        ("{x=5", {"{x": 5}),
    ],
)
def test_every_label_can_be_asked_for(text: str, counts: dict[str, int]) -> None:
    assert class_counts(text) == counts


def test_weights_take_every_label_too() -> None:
    assert mixture("COVID-19, ARDS=0.6,Normal=.4:10") == {
        "weights": {"COVID-19, ARDS": 0.6, "Normal": 0.4},
        "count": 10,
    }
    assert interpolation("COVID-19, ARDS:1:2:8")["label"] == "COVID-19, ARDS"


@pytest.mark.parametrize("text", ["a", "a=", "=5", "a=5,b", "a=-1", "a=0", "[]", '{"a": "x"}'])
def test_counts_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        class_counts(text)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://x:1", "nonsense"])
@pytest.mark.parametrize("variable", ["ALL_PROXY", "https_proxy"])
def test_a_proxy_that_cannot_be_used_is_one_line_that_names_its_variable(
    proxy: str, variable: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "synthcxr", "version", "--url", "http://192.0.2.1:8765"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), variable: proxy},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Error: ")
    assert variable in line


def test_a_check_says_what_an_ingest_would_make_without_a_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from radiographs.phantom import draw
    from tests.unit.radiographs.conftest import encode

    for label, start in (("Normal", 0), ("Sick", 20)):
        (tmp_path / "set" / label).mkdir(parents=True)
        for k in range(20):
            pixels = draw("normal", seed=9, index=k + start, size=64).pixels
            (tmp_path / "set" / label / f"{k}.png").write_bytes(encode(pixels))
    (tmp_path / "set/Sick/half.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert run("datasets", "check", str(tmp_path / "set")) == 0
    printed = capsys.readouterr().out
    assert "class Normal: 20 images" in printed
    assert "Sick/half.png" in printed
    assert "warning images_left_out (1 image)" in printed
    assert run("datasets", "check", "--strict", str(tmp_path / "set")) == 4
    assert "[warnings_refused]" in capsys.readouterr().err


def test_a_check_needs_the_packages_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert run("datasets", "check", str(tmp_path)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "make install" in line
