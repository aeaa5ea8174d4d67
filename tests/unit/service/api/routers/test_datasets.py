import errno
import io
import os
import socket
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.adapters.listed_files import write_dropped, write_images_with_text
from service.domain.caller import PRIVATE_READ, Caller
from service.domain.records import (
    ArtifactRef,
    DatasetState,
    DroppedFile,
    ImageWithText,
    IngestedDataset,
)

PHANTOM = {"class_counts": {"normal": 8, "effusion": 8}, "image_size": 64, "seed": 1}


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as images:
        images.writestr("normal/1.png", os.urandom(100_000))
    return buffer.getvalue()


def post_zip(client: httpx.Client, content: bytes, **options: Any) -> httpx.Response:
    data = options.pop("data", {})
    return client.post("/datasets", files={"file": ("patient.zip", content)}, data=data, **options)


def nothing_left(scene: Any) -> None:
    assert scene.num_jobs() == 0
    assert scene.records.catalog.datasets().items == []
    assert scene.queue.notified == []
    assert scene.files() == []


def test_phantoms_are_queued_and_the_workers_are_rung(scene: Any) -> None:
    answer = scene.client.post("/datasets", json={"phantom": PHANTOM, "name": "drawn"})
    job = answer.json()
    assert answer.status_code == 202
    assert (job["kind"], job["state"], job["queue_position"]) == ("ingest", "queued", 0)
    assert job["request"]["source"] == {"phantom": PHANTOM}
    assert scene.queue.notified == [("cpu.ingest", job["id"])]
    dataset = scene.client.get(f"/datasets/{job['request']['dataset_id']}").json()
    assert (dataset["name"], dataset["state"], dataset["job_id"]) == (
        "drawn",
        "ingesting",
        job["id"],
    )


def test_a_zip_is_kept_for_the_worker_under_the_job_s_name(scene: Any) -> None:
    content = archive()
    answer = post_zip(
        scene.client, content, data={"name": "images", "image_size": "64", "bit_depth": "16"}
    )
    job = answer.json()
    assert answer.status_code == 202
    assert scene.context.artifacts.upload_path(job["id"]).read_bytes() == content
    assert job["request"] | {"dataset_id": ""} == {
        "dataset_id": "",
        "name": "images",
        "source": {"upload": f"{job['id']}.zip"},
        "image_size": 64,
        "fit": "pad",
        "bit_depth": 16,
        "strict": False,
        "allow_burned_in_annotation": False,
        "burned_in_text": "keep",
    }
    assert "patient" not in answer.text


def test_a_folder_below_a_root_is_taken(scene: Any, tmp_path: Path) -> None:
    folder = tmp_path / "roots" / "images"
    folder.mkdir()
    answer = scene.client.post("/datasets", json={"path": str(folder)})
    assert answer.status_code == 202
    assert answer.json()["request"]["source"] == {"path": str(folder)}


@pytest.mark.parametrize(
    "path", ["/etc", "relative", "{root}/../outside", "{root}/link", "/nowhere"]
)
def test_a_path_outside_the_roots_is_refused(scene: Any, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "roots" / "link").symlink_to(tmp_path / "outside")
    named = path.format(root=tmp_path / "roots")
    answer = scene.client.post("/datasets", json={"path": named})
    scene.refused(answer, 403, "path_not_allowed", "/path")
    nothing_left(scene)


@pytest.mark.parametrize(
    "path", ["{root}/absent", "{root}/loop", "{root}/\0", "{root}/" + "x" * 300]
)
def test_a_path_that_leads_nowhere_is_refused(scene: Any, tmp_path: Path, path: str) -> None:
    (tmp_path / "roots" / "loop").symlink_to(tmp_path / "roots" / "loop")
    named = path.format(root=tmp_path / "roots")
    answer = scene.client.post("/datasets", json={"path": named})
    scene.refused(answer, 422, "path_not_found", "/path")
    nothing_left(scene)


def test_a_path_names_a_folder_or_a_zip_and_nothing_else(scene: Any, tmp_path: Path) -> None:
    file = tmp_path / "roots" / "images"
    file.touch()
    refused = scene.client.post("/datasets", json={"path": str(file)})
    scene.refused(refused, 422, "not_a_zip", "/path")
    nothing_left(scene)
    with zipfile.ZipFile(file, "w") as images:
        images.writestr("a/1.png", b"")
    assert scene.client.post("/datasets", json={"path": str(file)}).status_code == 202


@pytest.mark.parametrize("content", [b"", b"PK", b"\x89PNG\r\n", b"not a zip " * 10_000])
def test_a_file_that_is_no_zip_is_refused_and_leaves_nothing(scene: Any, content: bytes) -> None:
    scene.refused(post_zip(scene.client, content), 422, "not_a_zip", "/file")
    nothing_left(scene)


@pytest.mark.parametrize("by_length", [True, False])
def test_an_upload_that_is_too_large_leaves_nothing(scene: Any, by_length: bool) -> None:
    body = multipart(b"PK\x03\x04" + bytes(300_000))
    headers = {"content-type": "multipart/form-data; boundary=x"}
    content = body if by_length else (body[i : i + 4096] for i in range(0, len(body), 4096))
    answer = scene.client.post("/datasets", content=content, headers=headers)
    scene.refused(answer, 413, "upload_too_large")
    nothing_left(scene)


def multipart(content: bytes, end: bytes = b"\r\n--x--\r\n") -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
    return head + content + end


def test_an_upload_that_is_cut_off_leaves_nothing(scene: Any) -> None:
    host, port = scene.client.base_url.host, scene.client.base_url.port
    with socket.create_connection((host, port)) as connection:
        connection.sendall(
            b"POST /datasets HTTP/1.1\r\nHost: localhost\r\nContent-Length: 150000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            + multipart(b"PK\x03\x04" + bytes(50_000), end=b"")
        )
        eventually(lambda: scene.files() != [])
    eventually(lambda: scene.files() == [])
    nothing_left(scene)


def eventually(truth: Any) -> None:
    deadline = time.monotonic() + 5
    while not truth():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_body_that_ends_early_is_refused_and_leaves_nothing(scene: Any) -> None:
    body = multipart(b"PK\x03\x04" + bytes(100), end=b"")
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = scene.client.post("/datasets", content=body, headers=headers)
    scene.refused(answer, 422, "invalid_request", "/file")
    nothing_left(scene)


def test_a_full_disk_while_uploading_is_said_and_leaves_nothing(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    answer = post_zip(scene.client, archive())
    scene.refused(answer, 507, "storage_full")
    assert answer.json()["retryable"] is True
    nothing_left(scene)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"image_size": "100"}, "/image_size"),
        ({"image_size": "sixty"}, "/image_size"),
        ({"fit": "squeeze"}, "/fit"),
        ({"bit_depth": "12"}, "/bit_depth"),
        ({"name": ""}, "/name"),
        ({"colour": "grey"}, "/colour"),
    ],
)
def test_a_bad_field_of_an_upload_is_pointed_at(
    scene: Any, fields: dict[str, str], pointer: str
) -> None:
    scene.refused(post_zip(scene.client, archive(), data=fields), 422, "invalid_request", pointer)
    nothing_left(scene)


def test_a_form_without_a_file_is_refused(scene: Any) -> None:
    answer = scene.client.post("/datasets", files={"other": ("a.zip", b"PK\x03\x04")})
    scene.refused(answer, 422, "invalid_request", "/file")
    answer = scene.client.post(
        "/datasets",
        content=b"--x\r\n",
        headers={"content-type": "multipart/form-data"},
    )
    scene.refused(answer, 400, "malformed_request")
    nothing_left(scene)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"path": "/a", "phantom": PHANTOM}, ""),
        ({"phantom": {**PHANTOM, "class_counts": {"normal": 8}}}, "/phantom/class_counts"),
        (
            {"phantom": {**PHANTOM, "class_counts": {"normal": 8, "effusion": 7}}},
            "/phantom/class_counts/effusion",
        ),
        ({"phantom": {**PHANTOM, "seed": True}}, "/phantom/seed"),
        ({"phantom": {**PHANTOM, "image_size": 65}}, "/phantom/image_size"),
        ({"phantom": PHANTOM, "image_size": "64"}, "/image_size"),
        ({"phantom": PHANTOM, "name": "a\u0000b"}, "/name"),
        ({"phantom": PHANTOM, "files": []}, "/files"),
    ],
)
def test_a_bad_field_of_a_body_is_pointed_at(
    scene: Any, body: dict[str, Any], pointer: str
) -> None:
    scene.refused(scene.client.post("/datasets", json=body), 422, "invalid_request", pointer)
    nothing_left(scene)


def test_other_bodies_are_refused(scene: Any) -> None:
    scene.refused(scene.client.post("/datasets", content=b"x"), 415, "unsupported_media_type")
    broken = scene.client.post(
        "/datasets", content=b"{", headers={"content-type": "application/json"}
    )
    scene.refused(broken, 422, "invalid_request")
    nothing_left(scene)


def test_the_same_upload_under_the_same_key_is_ingested_once(scene: Any) -> None:
    content, headers = archive(), {"Idempotency-Key": "k"}
    first = post_zip(scene.client, content, headers=headers)
    again = post_zip(scene.client, content, headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert len(scene.files()) == 1
    other = post_zip(scene.client, archive(), headers=headers)
    scene.refused(other, 422, "idempotency_key_reused")
    assert (scene.num_jobs(), len(scene.files())) == (1, 1)


def test_datasets_are_listed_newest_first_page_by_page(scene: Any) -> None:
    made = [
        scene.client.post("/datasets", json={"phantom": PHANTOM}).json()["request"]["dataset_id"]
        for _ in range(3)
    ]
    page = scene.client.get("/datasets", params={"limit": 2}).json()
    rest = scene.client.get("/datasets", params={"cursor": page["next_cursor"]}).json()
    assert [item["id"] for item in page["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None


def test_an_unknown_dataset_is_not_found(scene: Any) -> None:
    scene.refused(scene.client.get("/datasets/ds_none"), 404, "dataset_not_found")
    scene.refused(scene.client.delete("/datasets/ds_none"), 404, "dataset_not_found")


def test_a_dataset_is_deleted_with_its_files_unless_a_job_needs_it(scene: Any) -> None:
    job = post_zip(scene.client, archive()).json()
    path = f"/datasets/{job['request']['dataset_id']}"
    scene.refused(scene.client.delete(path), 409, "dataset_in_use")
    scene.client.post(f"/jobs/{job['id']}/cancel")
    assert scene.client.delete(path).status_code == 200
    assert {file.parent.name for file in scene.files()} == {"keys"}  # that sign the receipt
    scene.refused(scene.client.get(path), 404, "dataset_not_found")


def test_many_files_that_were_left_out_are_counted_and_listed_apart(scene: Any) -> None:
    dropped = tuple(DroppedFile(f"{k}.png", "It is blank.", "blank") for k in range(20_000))
    dataset = scene.dataset(dropped=dropped, artifact=ArtifactRef("datasets/x", "0", 1))
    staged = scene.context.artifacts.staging("job_1-1")
    write_dropped(staged, dropped)
    scene.context.artifacts.publish(staged, "datasets/x")
    shown = scene.client.get("/datasets").json()["items"][0]
    assert (len(shown["dropped"]), shown["dropped_counts"]) == (5, {"blank": 20_000})
    page = scene.client.get(f"/datasets/{dataset.id}/dropped", params={"limit": 200}).json()
    assert len(page["items"]) == 200
    more = {"limit": 200, "cursor": page["next_cursor"]}
    assert scene.client.get(f"/datasets/{dataset.id}/dropped", params=more).json() != page
    wrong = scene.client.get(f"/datasets/{dataset.id}/dropped", params={"cursor": "x"})
    scene.refused(wrong, 422, "invalid_request", "/query/cursor")
    absent = scene.client.get("/datasets/ds_0/dropped")
    scene.refused(absent, 404, "dataset_not_found")


def test_the_contact_sheet_needs_the_scope_and_is_recorded(guarded: Any) -> None:
    submitted = {"phantom": {"class_counts": {"normal": 8, "effusion": 8}}}
    job = guarded.client.post(
        "/datasets", json=submitted, headers=guarded.bearer("datasets")
    ).json()
    dataset = guarded.records.catalog.dataset(job["request"]["dataset_id"])
    ready = replace(dataset, state=DatasetState.READY, artifact=ArtifactRef("datasets/x", "0", 1))
    guarded.records.jobs.succeed(guarded.claimed(job["id"]).claim_held, IngestedDataset(ready))
    here = f"/datasets/{dataset.id}/samples.png"
    sees, blind = guarded.bearer("private:read"), guarded.bearer("train")
    guarded.refused(guarded.client.get(here, headers=blind), 403, "scope_missing")
    guarded.refused(guarded.client.get(here, headers=sees), 404, "image_not_found")
    path = guarded.context.artifacts.path("datasets/x/samples.png")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"picture")
    assert guarded.client.get(here, headers=sees).content == b"picture"
    entries = guarded.records.audit.entries("default", limit=100).items
    done = [each.target for each in entries if each.action == "get_dataset_samples"]
    assert done.count(dataset.id) == 2  # a refusal, and one that was shown


def test_only_a_regular_file_is_looked_into_for_a_zip(scene: Any, tmp_path: Path) -> None:
    pipe = tmp_path / "roots" / "pipe.zip"
    os.mkfifo(pipe)
    answer = scene.client.post("/datasets", json={"path": str(pipe)})
    scene.refused(answer, 422, "not_a_zip", "/path")
    several = tmp_path / "roots" / "disks.zip"
    locator = b"PK\x06\x07" + (1).to_bytes(4, "little") + bytes(8) + (5).to_bytes(4, "little")
    several.write_bytes(bytes(100) + locator + b"PK\x05\x06" + bytes(18))
    answer = scene.client.post("/datasets", json={"path": str(several)})
    scene.refused(answer, 422, "not_a_zip", "/path")


def test_images_with_text_are_listed_and_their_names_need_the_scope(
    scene: Any, tmp_path: Path
) -> None:
    staged = scene.context.artifacts.staging("job_1-1")
    write_images_with_text(staged, [ImageWithText("DOE^JANE.png", 2)])
    scene.context.artifacts.publish(staged, "datasets/with-text")
    artifact = ArtifactRef("datasets/with-text", "0" * 64, 1)
    path = f"/datasets/{scene.dataset(artifact=artifact).id}/burned-in-text"
    assert scene.client.get(path).json() == {
        "items": [{"file": None, "num_places": 2}],
        "next_cursor": None,
    }
    reader = Caller.without_key(PRIVATE_READ)
    scene.app.state.context = replace(scene.context, caller=reader)
    assert scene.client.get(path).json()["items"][0]["file"] == "DOE^JANE.png"
    scene.refused(scene.client.get("/datasets/ds_0/burned-in-text"), 404, "dataset_not_found")


@pytest.mark.parametrize("asked", ["keep", "mask", "drop"])
def test_what_becomes_of_burnt_in_text_is_part_of_the_request(scene: Any, asked: str) -> None:
    body = {"phantom": PHANTOM, "burned_in_text": asked}
    job = scene.client.post("/datasets", json=body).json()
    assert job["request"]["burned_in_text"] == asked
    upload = post_zip(scene.client, archive(), data={"burned_in_text": asked}).json()
    assert upload["request"]["burned_in_text"] == asked


def test_another_word_for_burnt_in_text_is_refused(scene: Any) -> None:
    body = {"phantom": PHANTOM, "burned_in_text": "blur"}
    scene.refused(
        scene.client.post("/datasets", json=body), 422, "invalid_request", "/burned_in_text"
    )
