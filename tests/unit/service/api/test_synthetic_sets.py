import io
import json
import zipfile
from hashlib import sha256
from typing import Any

import pytest

from service.domain.references import ArtifactRef, SyntheticSet

FILMS = [b"first", b"second"]


@pytest.fixture
def content() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index, film in enumerate(FILMS):
            archive.writestr(f"images/normal/{index:06}.png", film)
    return buffer.getvalue()


@pytest.fixture
def made(scene: Any, content: bytes) -> SyntheticSet:
    staged = scene.world.artifacts.staging("job-1")
    files = [
        {"file": f"images/normal/{index:06}.png", "sha256": sha256(film).hexdigest()}
        for index, film in enumerate(FILMS)
    ]
    manifest = json.dumps({"files": files}).encode()
    (staged / "set.zip").write_bytes(content)
    (staged / "manifest.json").write_bytes(manifest)
    scene.world.artifacts.publish(staged, "synthetic-sets/syn_1-0")

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
        created_at=scene.world.clock.now(),
    )
    scene.synthetic_set(made)
    return made


def test_a_set_tells_what_it_holds(scene: Any, made: SyntheticSet, content: bytes) -> None:
    view = scene.client.get("/synthetic-sets/syn_1").json()
    assert (view["num_images"], view["class_counts"]) == (2, {"normal": 2})
    assert (view["sha256"], view["num_bytes"]) == (made.zip.sha256, len(content))
    assert scene.client.get("/synthetic-sets").json()["items"] == [view]
    manifest = scene.client.get(view["links"]["manifest"])
    assert [file["file"] for file in manifest.json()["files"]][1] == "images/normal/000001.png"


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
    headers = {"Range": asked, "If-Range": f'"{made.zip.sha256}"'}
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
    malformed = scene.client.get("/synthetic-sets/syn_1/download", headers={"Range": "films=1"})
    scene.refused(malformed, 400, "malformed_request")


@pytest.mark.parametrize("given", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
def test_what_a_client_has_is_not_sent_again(scene: Any, made: SyntheticSet, given: str) -> None:
    headers = {"If-None-Match": given.format(made.zip.sha256)}
    answer = scene.client.get("/synthetic-sets/syn_1/download", headers=headers)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == f'"{made.zip.sha256}"'


def test_an_image_is_looked_at_by_its_number(scene: Any, made: SyntheticSet) -> None:
    path = "/synthetic-sets/syn_1/images/1.png"
    answer = scene.client.get(path)
    assert (answer.content, answer.headers["content-type"]) == (FILMS[1], "image/png")
    etag = answer.headers["etag"]
    assert etag == f'"{sha256(FILMS[1]).hexdigest()}"'
    assert scene.client.get(path, headers={"If-None-Match": etag}).status_code == 304
    missing = scene.client.get("/synthetic-sets/syn_1/images/2.png")
    scene.refused(missing, 404, "image_not_found")
    for index in ("-1", "x", "1.5"):
        answer = scene.client.get(f"/synthetic-sets/syn_1/images/{index}.png")
        scene.refused(answer, 422, "invalid_request", "/path/index")


def test_a_set_whose_files_are_gone_is_missing_not_broken(scene: Any, made: SyntheticSet) -> None:
    scene.world.artifacts.delete("synthetic-sets/syn_1-0")
    for part in ("download", "manifest", "images/0.png"):
        answer = scene.client.get(f"/synthetic-sets/syn_1/{part}")
        scene.refused(answer, 404, "artifact_missing")


def test_a_deleted_set_is_gone_with_its_files(scene: Any, made: SyntheticSet) -> None:
    assert scene.client.delete("/synthetic-sets/syn_1").status_code == 204
    assert scene.files() == []
    for part in ("", "/download", "/manifest", "/images/0.png"):
        answer = scene.client.get(f"/synthetic-sets/syn_1{part}")
        scene.refused(answer, 404, "synthetic_set_not_found")
    scene.refused(scene.client.delete("/synthetic-sets/syn_1"), 404, "synthetic_set_not_found")
