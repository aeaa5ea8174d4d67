import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from release.gate.verdict import Outcome, Verdict
from service.domain.caller import PRIVATE_READ, Caller, Scope
from service.domain.nearest_pairs import nearest_pairs_key
from service.domain.records import ArtifactRef, SyntheticSet
from tests.unit.service.conftest import Scene, opened_scene

IMAGES = [b"first", b"second"]
REPORT = b"<!doctype html><title>Report</title>"
FINDINGS = b'{"distances": [0.1]}'
IMAGES_OF_A_SET = ("download", "manifest", "images/0.png")


@pytest.fixture(params=["local", "s3"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """A service whose artifacts lie on its disk, or in a bucket."""
    changes = {"auth": "none"}
    if request.param == "s3":
        settings = request.getfixturevalue("object_store").settings(tmp_path / "data")
        changes |= settings.model_dump(exclude_unset=True)
    with opened_scene(tmp_path, **changes) as scene:
        yield scene


@pytest.fixture
def content() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index, image in enumerate(IMAGES):
            archive.writestr(f"images/normal/{index:06}.png", image)
    return buffer.getvalue()


def judged(scene: Any, made: SyntheticSet, verdict: Verdict, **changes: Any) -> None:
    """Let the gate have found something else."""
    scene.store.synthetic_sets["syn_1"] = replace(made, verdict=verdict, **changes)


def sha256_of(made: SyntheticSet) -> str:
    assert made.zip is not None
    return made.zip.sha256


def granted(scene: Any, *scopes: Scope) -> None:
    """Let callers hold scopes."""
    scene.app.state.context = replace(scene.context, caller=Caller.without_key(*scopes))


@pytest.fixture
def made(scene: Any, content: bytes) -> SyntheticSet:
    staged = scene.context.artifacts.staging("job-1")
    files = [
        {"path": f"images/normal/{index:06}.png", "sha256": sha256(image).hexdigest()}
        for index, image in enumerate(IMAGES)
    ]
    manifest = json.dumps({"files": files}).encode()
    (staged / "set.zip").write_bytes(content)
    (staged / "manifest.json").write_bytes(manifest)
    (staged / "report.html").write_bytes(REPORT)
    (staged / "report.json").write_bytes(b"{}")
    (staged / "findings.json").write_bytes(FINDINGS)
    scene.context.artifacts.publish(staged, "synthetic-sets/syn_1-0")

    def reference(name: str, data: bytes) -> ArtifactRef:
        return ArtifactRef(f"synthetic-sets/syn_1-0/{name}", sha256(data).hexdigest(), len(data))

    made = SyntheticSet(
        id="syn_1",
        model_id="mdl_1",
        job_id="job_1",
        num_images=2,
        class_counts={"normal": 2},
        zip=reference("set.zip", content),
        manifest=reference("manifest.json", manifest),
        created_at=scene.context.clock.now(),
        dataset_id="ds_1",
        verdict=Verdict("passed"),
        report=reference("report.html", REPORT),
        findings=reference("findings.json", FINDINGS),
    )
    scene.synthetic_set(made)
    return made


def test_a_set_shows_what_it_holds(scene: Any, made: SyntheticSet, content: bytes) -> None:
    view = scene.client.get("/synthetic-sets/syn_1").json()
    assert (view["num_images"], view["class_counts"]) == (2, {"normal": 2})
    assert (view["sha256"], view["num_bytes"]) == (sha256_of(made), len(content))
    assert scene.client.get("/synthetic-sets").json()["items"] == [view]
    manifest = scene.client.get(view["links"]["manifest"])
    assert [file["path"] for file in manifest.json()["files"]][1] == "images/normal/000001.png"


def test_a_download_is_whole_named_by_its_checksum_and_kept_for_good(
    scene: Any, made: SyntheticSet, content: bytes
) -> None:
    answer = scene.client.get("/synthetic-sets/syn_1/download")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["etag"] == f'"{sha256(content).hexdigest()}"'
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == 'attachment; filename="syn_1.zip"'
    assert {"private", "immutable"} <= set(answer.headers["cache-control"].split(", "))


@pytest.mark.parametrize(
    ("asked", "part"),
    [("bytes=0-9", slice(0, 10)), ("bytes=10-", slice(10, None)), ("bytes=-5", slice(-5, None))],
)
def test_a_part_of_a_download_is_sent(
    scene: Any, made: SyntheticSet, content: bytes, asked: str, part: slice
) -> None:
    headers = {"Range": asked, "If-Range": f'"{sha256_of(made)}"'}
    answer = scene.client.get("/synthetic-sets/syn_1/download", headers=headers)
    assert (answer.status_code, answer.content) == (206, content[part])
    assert answer.headers["content-range"].endswith(f"/{len(content)}")


def test_a_part_of_another_version_is_sent_whole(
    scene: Any, made: SyntheticSet, content: bytes
) -> None:
    headers = {"Range": "bytes=10-", "If-Range": '"other"'}
    answer = scene.client.get("/synthetic-sets/syn_1/download", headers=headers)
    assert (answer.status_code, answer.content) == (200, content)


def test_a_range_behind_the_end_is_not_satisfiable(
    scene: Any, made: SyntheticSet, content: bytes
) -> None:
    headers = {"Range": f"bytes={len(content)}-"}
    answer = scene.client.get("/synthetic-sets/syn_1/download", headers=headers)
    scene.refused(answer, 416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(content)}"
    assert "etag" not in answer.headers
    malformed = scene.client.get("/synthetic-sets/syn_1/download", headers={"Range": "images=1"})
    scene.refused(malformed, 400, "malformed_request")


@pytest.mark.parametrize("given", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
def test_what_a_client_has_is_not_sent_again(scene: Any, made: SyntheticSet, given: str) -> None:
    headers = {"If-None-Match": given.format(sha256_of(made))}
    answer = scene.client.get("/synthetic-sets/syn_1/download", headers=headers)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{sha256_of(made)}"'


def test_an_image_is_looked_at_by_its_number(scene: Any, made: SyntheticSet) -> None:
    path = "/synthetic-sets/syn_1/images/1.png"
    answer = scene.client.get(path)
    assert (answer.content, answer.headers["content-type"]) == (IMAGES[1], "image/png")
    etag = answer.headers["etag"]
    assert etag == f'"{sha256(IMAGES[1]).hexdigest()}"'
    assert scene.client.get(path, headers={"If-None-Match": etag}).status_code == 304
    missing = scene.client.get("/synthetic-sets/syn_1/images/2.png")
    scene.refused(missing, 404, "image_not_found")
    for index in ("-1", "x", "1.5"):
        answer = scene.client.get(f"/synthetic-sets/syn_1/images/{index}.png")
        scene.refused(answer, 422, "invalid_request", "/path/index")


def test_a_set_whose_files_are_gone_is_missing_not_broken(scene: Any, made: SyntheticSet) -> None:
    scene.context.artifacts.delete("synthetic-sets/syn_1-0")
    for part in ("download", "manifest", "images/0.png"):
        answer = scene.client.get(f"/synthetic-sets/syn_1/{part}")
        scene.refused(answer, 404, "artifact_missing")


def test_a_deleted_set_is_gone_with_its_files(scene: Any, made: SyntheticSet) -> None:
    judged(scene, made, Verdict("inconclusive", "power"))
    assert scene.client.delete("/synthetic-sets/syn_1").status_code == 204
    assert scene.files() == []
    for part in ("", "/report", "/download", "/manifest", "/images/0.png"):
        answer = scene.client.get(f"/synthetic-sets/syn_1{part}")
        scene.refused(answer, 404, "synthetic_set_not_found")
    scene.refused(scene.client.delete("/synthetic-sets/syn_1"), 404, "synthetic_set_not_found")


def test_a_released_set_that_is_deleted_is_out_of_reach_but_kept_for_later_examinations(
    scene: Any, made: SyntheticSet
) -> None:
    before = scene.files()
    assert scene.client.delete("/synthetic-sets/syn_1").status_code == 204
    for part in ("", "/report", "/findings", *(f"/{part}" for part in IMAGES_OF_A_SET)):
        granted(scene, PRIVATE_READ)
        answer = scene.client.get(f"/synthetic-sets/syn_1{part}")
        scene.refused(answer, 404, "synthetic_set_not_found")
    assert scene.client.get("/synthetic-sets").json()["items"] == []
    assert scene.files() == before
    assert [each.id for each in scene.records.releases.releases("ds_1")] == ["syn_1"]


@pytest.mark.parametrize("part", IMAGES_OF_A_SET)
@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict("refused", "memorises", reasons=("3 images are copies.",)), "set_refused"),
        (Verdict("inconclusive", "validity"), "set_inconclusive"),
    ],
)
def test_no_image_of_a_set_that_did_not_pass_can_be_had(
    scene: Any, made: SyntheticSet, verdict: Verdict, code: str, part: str
) -> None:
    judged(scene, made, verdict)
    granted(scene, PRIVATE_READ)  # not even by those who may read what is private
    answer = scene.client.get(f"/synthetic-sets/syn_1/{part}")
    scene.refused(answer, 409, code)
    assert " ".join(verdict.reasons) in answer.json()["detail"]


@pytest.mark.parametrize("part", IMAGES_OF_A_SET)
def test_a_set_of_too_few_patients_is_for_those_who_may_read_what_is_private(
    scene: Any, made: SyntheticSet, part: str
) -> None:
    judged(scene, made, Verdict("inconclusive", "power"))
    answer = scene.client.get(f"/synthetic-sets/syn_1/{part}")
    scene.refused(answer, 403, "scope_missing")
    assert PRIVATE_READ in answer.json()["detail"]
    granted(scene, PRIVATE_READ)
    assert scene.client.get(f"/synthetic-sets/syn_1/{part}").status_code == 200


def test_the_verdict_is_shown_and_links_lead_only_to_what_exists(
    scene: Any, made: SyntheticSet
) -> None:
    verdict = Verdict("refused", "scan", remedies=("Train for less long.",))
    judged(scene, made, verdict, zip=None, manifest=None, num_images=0)
    view = scene.client.get("/synthetic-sets/syn_1").json()
    assert (view["verdict"]["outcome"], view["verdict"]["code"]) == ("refused", "scan")
    assert view["verdict"]["remedies"] == ["Train for less long."]
    assert (view["sha256"], view["num_bytes"]) == (None, None)
    assert set(view["links"]) == {"self", "report", "certificate"}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_report_is_for_everybody_as_a_page_or_as_json(
    scene: Any, made: SyntheticSet, outcome: Outcome
) -> None:
    judged(scene, made, Verdict(outcome, "memorises"))
    page = scene.client.get("/synthetic-sets/syn_1/report")
    assert (page.content, page.headers["content-type"]) == (REPORT, "text/html; charset=utf-8")
    assert page.headers["content-disposition"].startswith("inline")
    policy = page.headers["content-security-policy"].split("; ")  # no script, nothing from outside
    assert {"default-src 'none'", "img-src data:", "frame-ancestors 'none'"} <= set(policy)
    assert not [rule for rule in policy if rule.startswith("script-src") or "http" in rule]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in page.headers["cache-control"]
    figures = scene.client.get(
        "/synthetic-sets/syn_1/report", headers={"Accept": "application/json"}
    )
    assert figures.json() == {}
    assert page.headers["etag"] != figures.headers["etag"]


def test_findings_are_private_and_of_a_few_sets_of_a_model_only(
    scene: Any, made: SyntheticSet
) -> None:
    answer = scene.client.get("/synthetic-sets/syn_1/findings")
    scene.refused(answer, 403, "scope_missing")
    scene.app.state.context = replace(
        scene.context, caller=Caller.without_key(PRIVATE_READ), max_findings_per_model=1
    )
    for _ in range(2):  # reading the same again discloses nothing new
        assert scene.client.get("/synthetic-sets/syn_1/findings").content == FINDINGS
    scene.synthetic_set(replace(made, id="syn_2", verdict=Verdict("inconclusive")))
    scene.refused(scene.client.get("/synthetic-sets/syn_2/findings"), 409, "findings_spent")


def test_nearest_pairs_are_private_count_as_findings_and_go_with_the_set(
    scene: Any, made: SyntheticSet
) -> None:
    here = "/synthetic-sets/syn_1/nearest.png"
    scene.refused(scene.client.get(here), 403, "scope_missing")
    scene.app.state.context = replace(
        scene.context, caller=Caller.without_key(PRIVATE_READ), max_findings_per_model=1
    )
    scene.refused(scene.client.get(here), 404, "image_not_found")
    dataset = scene.dataset(artifact=ArtifactRef("datasets/x", "0", 1))
    scene.synthetic_set(replace(made, id="syn_2", dataset_id=dataset.id))
    artifacts, key = scene.context.artifacts, nearest_pairs_key(dataset, "syn_2")
    for published, content in (("datasets/x", b"pixels"), (key, b"pairs")):
        staged = artifacts.staging("job-2") / "file"
        staged.write_bytes(content)
        artifacts.publish(staged if published == key else staged.parent, published)
    assert scene.client.get("/synthetic-sets/syn_2/nearest.png").content == b"pairs"
    scene.refused(scene.client.get("/synthetic-sets/syn_1/findings"), 409, "findings_spent")
    assert scene.client.delete("/synthetic-sets/syn_2").status_code == 204
    assert not artifacts.exists(key)
    assert artifacts.exists("datasets/x")
