"""What may be asked of a DICOMweb server, and by whom: the work itself is the workers'."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from release.gate.verdict import Verdict
from service.domain.job import JobState
from service.domain.records import ArtifactRef, SyntheticSet
from tests.unit.service.conftest import Scene

QUERIES = [
    {"label": "effusion", "attributes": {"StudyDescription": "*EFFUSION*"}},
    {"label": "normal", "accession_numbers": ["A1001", "A1002", "A1001"]},
]


def ask(scene: Scene, server: str = "pacs", **changes: Any) -> httpx.Response:
    body = {"server": server, "queries": QUERIES} | changes
    return scene.client.post("/datasets", json={"dicomweb": body})


def test_queries_are_queued_completed_by_every_default(scene: Scene) -> None:
    job = ask(scene).json()
    assert job["state"] == "queued"
    [stored] = scene.store.jobs.values()
    source = stored.request.source.dicomweb
    assert (source.server, source.max_instances) == ("pacs", 20_000)
    assert source.queries[0].modality == ("CR", "DX")
    assert source.queries[1].accession_numbers == ("A1001", "A1002")


def test_what_may_name_patients_is_neither_shown_nor_kept_with_the_dataset(scene: Scene) -> None:
    shown = ask(scene).json()
    dataset = scene.client.get(f"/datasets/{shown['request']['dataset_id']}").json()
    assert [each["label"] for each in dataset["source"]["dicomweb"]["queries"]] == [
        "effusion",
        "normal",
    ]
    for seen in (shown, dataset, scene.client.get(f"/jobs/{shown['id']}").json()):
        assert "A1001" not in str(seen)


@pytest.mark.parametrize(
    ("server", "status", "code"),
    [
        ("unknown", 422, "dicomweb_server_unknown"),
        ("others", 422, "dicomweb_server_unknown"),
        ("archive", 403, "dicomweb_not_allowed"),
        ("https://pacs.example.org", 422, "invalid_request"),
    ],
)
def test_a_server_is_one_that_the_operator_allows_by_name(
    scene: Scene, server: str, status: int, code: str
) -> None:
    scene.refused(ask(scene, server), status, code)
    assert scene.num_jobs() == 0


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({}, "label"),
        ({"label": ""}, "label"),
        ({"label": "a", "modality": []}, "modality"),
        ({"label": "a", "modality": ["CT"]}, "modality/0"),
        ({"label": "a", "study_date": "2020-01-01"}, "study_date"),
        ({"label": "a", "study_date": "20200101,20200102"}, "study_date"),
        ({"label": "a", "body_part": "chest&limit=1"}, "body_part"),
        ({"label": "a", "attributes": {"limit": "1"}}, "attributes/limit/[key]"),
        ({"label": "a", "attributes": {"StudyDescription": "a\\b"}}, "attributes/StudyDescription"),
        ({"label": "a", "attributes": {"Modality": "CR"}}, ""),
        ({"label": "a", "attributes": {"AccessionNumber": "1"}}, ""),
        ({"label": "a", "study_uids": ["../1"]}, "study_uids/0"),
        ({"label": "a", "study_uids": ["1.2"], "accession_numbers": ["1"]}, ""),
        ({"label": "a", "accession_numbers": ["A*"]}, ""),
    ],
)
def test_a_query_that_means_nothing_is_pointed_at(
    scene: Scene, query: dict[str, Any], pointer: str
) -> None:
    answer = ask(scene, queries=[query])
    found = [field["pointer"] for field in answer.json()["errors"]]
    assert answer.status_code == 422
    assert any(each.startswith(f"/dicomweb/queries/0/{pointer}".rstrip("/")) for each in found)


def test_a_source_is_one(scene: Scene) -> None:
    body = {"path": "/x", "dicomweb": {"server": "pacs", "queries": QUERIES}}
    scene.refused(scene.client.post("/datasets", json=body), 422, "invalid_request")


def test_a_retry_asks_again_whether_the_server_is_allowed(scene: Scene) -> None:
    job_id = ask(scene).json()["id"]
    scene.client.post(f"/jobs/{job_id}/cancel")
    scene.app.state.context = replace(scene.context, dicomweb_servers={})
    scene.refused(scene.client.post(f"/jobs/{job_id}/retry"), 422, "dicomweb_server_unknown")


@pytest.fixture
def made(scene: Scene) -> SyntheticSet:
    """A released set that holds a DICOM file."""
    return a_set(scene, "dicom/normal/000000.dcm")


def a_set(scene: Scene, file: str) -> SyntheticSet:
    manifest = f'{{"files": [{{"path": "{file}", "sha256": "0"}}]}}'
    staged = scene.context.artifacts.staging("job-1")
    (staged / "manifest.json").write_text(manifest)
    scene.context.artifacts.publish(staged, "synthetic-sets/syn_1-0")
    names = ("set.zip", "manifest.json", "report.html", "findings.json")
    content, listed, report, findings = (
        ArtifactRef(f"synthetic-sets/syn_1-0/{name}", "0" * 64, 1) for name in names
    )
    now = scene.context.clock.now()
    set_ = SyntheticSet(
        "syn_1",
        "mdl_1",
        "job_1",
        1,
        {"normal": 1},
        content,
        listed,
        now,
        "ds_1",
        Verdict("passed"),
        report,
        findings,
    )
    scene.synthetic_set(set_)
    return set_


def push(scene: Scene, server: str = "archive", **more: Any) -> httpx.Response:
    return scene.client.post("/synthetic-sets/syn_1/push", json={"server": server}, **more)


@pytest.mark.usefixtures("made")
def test_a_push_is_a_job_that_the_audit_log_names(scene: Scene) -> None:
    answer = push(scene)
    job = answer.json()
    assert (answer.status_code, job["kind"], job["state"]) == (202, "push", "queued")
    assert scene.queue.notified[-1] == ("cpu.push", job["id"])
    entry = scene.store.audit["default"][-1]
    assert (entry.action, entry.target, entry.outcome) == ("push_synthetic_set", "syn_1", "done")


@pytest.mark.usefixtures("made")
def test_a_push_under_the_same_key_is_one_job(scene: Scene) -> None:
    first, second = (push(scene, headers={"Idempotency-Key": "k"}).json() for _ in range(2))
    assert first["id"] == second["id"]
    other = push(scene, headers={"Idempotency-Key": "k"}, server="pacs")
    scene.refused(other, 422, "idempotency_key_reused")


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("server", "status", "code"),
    [
        ("unknown", 422, "dicomweb_server_unknown"),
        ("others", 422, "dicomweb_server_unknown"),
        ("pacs", 403, "dicomweb_not_allowed"),
    ],
)
def test_a_set_is_pushed_only_where_the_operator_allows(
    scene: Scene, server: str, status: int, code: str
) -> None:
    scene.refused(push(scene, server), status, code)
    assert not any(job.state is JobState.QUEUED for job in scene.store.jobs.values())


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict("refused", "memorises"), "set_refused"),
        (Verdict("inconclusive", "power"), "set_inconclusive"),
    ],
)
def test_a_set_that_was_not_released_is_refused(
    scene: Scene, made: SyntheticSet, verdict: Verdict, code: str
) -> None:
    scene.store.synthetic_sets["syn_1"] = replace(made, verdict=verdict)
    scene.refused(push(scene), 409, code)


def test_a_set_without_dicom_is_refused_with_the_way_out(scene: Scene) -> None:
    a_set(scene, "images/normal/000000.png")
    answer = push(scene)
    scene.refused(answer, 409, "set_without_dicom")
    assert "--format dicom" in answer.json()["detail"]


def test_an_unknown_set_cannot_be_pushed(scene: Scene) -> None:
    scene.refused(push(scene), 404, "synthetic_set_not_found")
