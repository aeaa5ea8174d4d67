"""Certificates are issued on the day that they are asked for, to whom they are asked for."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from release.gate.verdict import Verdict
from service.domain.records import ArtifactRef, SyntheticSet
from tests.unit.service.conftest import Scene, opened_scene

PAGE = b"<html><!-- record --><p>In the package.</p><!-- end of record --></html>"
CERTIFICATE = {
    "set_id": "syn_1",
    "outcome": "refused",
    "heading": "Refused",
    "summary": "It copies.",
    "reasons": ["too many copies"],
    "verdict": "refused(memorises)",
    "warnings": [],
    "statement": "No bound.",
    "label": "empirically-gated",
    "num_images": 0,
    "model": {"id": "mdl_1", "family": "vae", "image_size": 64, "snapshot_sha256": "0" * 64},
    "examination": {"number": 1, "at_most": 50},
    "dataset_version": "dv",
    "claims": {
        "copies": {"text": "No claim.", "claimed": False, "mdcr": 1.0, "by_class": {}},
        "membership": {"text": "No claim.", "num_held_out": 9, "num_patients": 9},
    },
    "measured": {"membership": "None.", "likeness": "None.", "burned_in_text": "None."},
    "kinds_of_copies": {"looked_for": [], "not_looked_for": [], "not_planted": ["text"]},
    "not_tested": [{"id": "G6", "name": "white box", "why": "Not run."}],
    "policy": {"alpha": {"value": 0.01, "meaning": "chance"}},
    "versions": {"synthcxr": "1"},
    "gate_version": "4",
    "policy_sha256": "1" * 64,
    "report_sha256": "2" * 64,
}
WHERE = "/synthetic-sets/syn_1/certificate"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with opened_scene(tmp_path, auth="none") as scene:
        scene.app.state.context = replace(scene.context, hospital="St. <b>Mary")
        yield scene


@pytest.fixture(autouse=True)
def made(scene: Scene) -> SyntheticSet:
    files = {
        "certificate.html": PAGE,
        "certificate.json": json.dumps(CERTIFICATE).encode(),
        "report.html": b"",
        "findings.json": b"{}",
    }
    staged = scene.context.artifacts.staging("job-1")
    for name, data in files.items():
        (staged / name).write_bytes(data)
    scene.context.artifacts.publish(staged, "synthetic-sets/syn_1-0")

    def stored(name: str) -> ArtifactRef:
        digest = sha256(files[name]).hexdigest()
        return ArtifactRef(f"synthetic-sets/syn_1-0/{name}", digest, len(files[name]))

    made = SyntheticSet(
        id="syn_1",
        model_id="mdl_1",
        job_id="job_1",
        num_images=0,
        class_counts={},
        zip=None,
        manifest=None,
        created_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        dataset_id=scene.dataset(name="covid").id,
        verdict=Verdict("refused", "memorises"),
        report=stored("report.html"),
        findings=stored("findings.json"),
    )
    scene.synthetic_set(made)
    return made


def test_a_page_names_hospital_dates_and_recipient_as_text(scene: Scene) -> None:
    answer = scene.client.get(WHERE, params={"recipient": "Dr. <i>Who"})
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "private, no-store"
    assert "<dd>St. &lt;b&gt;Mary</dd>" in answer.text
    assert "<dd>Dr. &lt;i&gt;Who</dd>" in answer.text
    assert "<dd>2026-01-02 03:04 UTC</dd>" in answer.text
    assert f"{scene.context.clock.now():%Y-%m-%d}" in answer.text
    assert "In the package" not in answer.text


@pytest.mark.parametrize("name", ["Dr.\0\x1b[31m", "Dr.\u202eLIVE", "Dr.\r\nHospital: other"])
def test_what_is_no_letter_is_not_printed(scene: Scene, name: str) -> None:
    page = scene.client.get(WHERE, params={"recipient": name})
    assert "<dd>Dr.\ufffd" in page.text
    assert not {"\0", "\x1b", "\u202e", "\r"} & {*page.text}
    pdf = scene.client.get(WHERE, params={"recipient": name}, headers={"Accept": "application/pdf"})
    assert pdf.content.startswith(b"%PDF-")


def test_a_pdf_is_issued_and_json_is_that_of_the_package(scene: Scene) -> None:
    pdf = scene.client.get(WHERE, headers={"Accept": "application/pdf"})
    assert pdf.content.startswith(b"%PDF-")
    assert 'filename="syn_1-certificate.pdf"' in pdf.headers["content-disposition"]
    as_json = scene.client.get(WHERE, headers={"Accept": "application/json"})
    assert as_json.json() == CERTIFICATE


def test_the_dataset_is_named_only_where_the_operator_shows_it(scene: Scene) -> None:
    assert "covid" not in scene.client.get(WHERE).text
    scene.app.state.context = replace(scene.context, show_dataset_name=True)
    assert "<dt>Dataset</dt><dd>covid</dd>" in scene.client.get(WHERE).text


def test_one_whose_dataset_is_gone_does_without_its_name(scene: Scene, made: SyntheticSet) -> None:
    scene.app.state.context = replace(scene.context, show_dataset_name=True)
    del scene.store.datasets[made.dataset_id]
    answer = scene.client.get(WHERE)
    assert answer.status_code == 200
    assert "Dataset" not in answer.text


def test_an_unknown_set_has_none_and_a_long_name_is_refused(scene: Any) -> None:
    answer = scene.client.get("/synthetic-sets/syn_2/certificate")
    scene.refused(answer, 404, "synthetic_set_not_found")
    long = scene.client.get(WHERE, params={"recipient": "x" * 201})
    scene.refused(long, 422, "invalid_request", "/query/recipient")


def test_a_set_of_an_earlier_version_has_none(scene: Any) -> None:
    scene.context.artifacts.delete("synthetic-sets/syn_1-0")
    scene.refused(scene.client.get(WHERE), 404, "artifact_missing")
