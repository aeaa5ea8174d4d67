"""What every artifact store promises: the one on the local disk, and the one in a bucket."""

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.adapters.artifact_store import open_artifacts
from service.domain.errors import StorageFull
from service.domain.ports import ArtifactStore, StoredSize
from service.settings import Settings

LATER = timedelta(days=1)


@pytest.fixture(params=["local", "s3"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "local":
        return open_artifacts(Settings(data_dir=tmp_path))
    return open_artifacts(request.getfixturevalue("object_store").settings(tmp_path))


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)


def staged(artifacts: ArtifactStore, text: str = "pixels", name: str = "job_1-1") -> Path:
    folder = artifacts.staging(name)
    (folder / "nested").mkdir()
    (folder / "nested" / "file").write_text(text)
    (folder / "empty").touch()
    return folder


def published(artifacts: ArtifactStore, key: str, text: str = "pixels") -> None:
    artifacts.publish(staged(artifacts, text), key)


def publish_file(artifacts: ArtifactStore, key: str, text: str) -> None:
    file = artifacts.staging("arrays-1") / "arrays"
    file.write_text(text)
    artifacts.publish(file, key)


def test_a_published_folder_appears_whole_and_leaves_staging(artifacts: ArtifactStore) -> None:
    folder = staged(artifacts)
    assert not artifacts.exists("datasets/ds_1")
    artifacts.publish(folder, "datasets/ds_1")
    found = artifacts.path("datasets/ds_1")
    assert (found / "nested" / "file").read_text() == "pixels"
    assert (found / "empty").read_bytes() == b""
    assert artifacts.exists("datasets/ds_1")
    assert not folder.exists()


def test_one_file_of_a_folder_has_a_key_of_its_own(artifacts: ArtifactStore) -> None:
    published(artifacts, "models/mdl_1")
    assert artifacts.path("models/mdl_1/nested/file").read_text() == "pixels"
    assert artifacts.exists("models/mdl_1/nested")
    assert (artifacts.path("models/mdl_1/nested") / "file").read_text() == "pixels"


def test_where_nothing_is_published_nothing_lies(artifacts: ArtifactStore) -> None:
    published(artifacts, "models/mdl_1")
    for key in ("models/mdl_1/other", "models/mdl_10", "datasets/ds_1", "models/mdl_1/nested/fil"):
        assert not artifacts.exists(key)
        assert not artifacts.path(key).exists()
        assert artifacts.size(key) == StoredSize(0, 0)


def test_publishing_again_keeps_what_is_there(artifacts: ArtifactStore, tmp_path: Path) -> None:
    for text in ("first", "second"):
        published(artifacts, "datasets/ds_1", text)
    assert (artifacts.path("datasets/ds_1") / "nested" / "file").read_text() == "first"
    assert list((tmp_path / "staging").iterdir()) == []


def test_a_file_can_be_published_inside_a_published_folder(artifacts: ArtifactStore) -> None:
    published(artifacts, "datasets/ds_1")
    publish_file(artifacts, "datasets/ds_1/arrays-64/a.npz", "arrays")
    assert artifacts.path("datasets/ds_1/arrays-64/a.npz").read_text() == "arrays"
    assert artifacts.size("datasets/ds_1") == StoredSize(3, 12)
    artifacts.delete("datasets/ds_1")
    assert not artifacts.exists("datasets/ds_1/arrays-64/a.npz")
    assert not artifacts.exists("datasets/ds_1")


def test_deleting_removes_a_folder_and_forgives_its_absence(artifacts: ArtifactStore) -> None:
    published(artifacts, "datasets/ds_1")
    published(artifacts, "datasets/ds_10")
    read = artifacts.path("datasets/ds_1")
    artifacts.delete("datasets/ds_1")
    artifacts.delete("datasets/ds_1")
    assert not read.exists()
    assert not artifacts.path("datasets/ds_1").exists()
    assert artifacts.exists("datasets/ds_10")


def test_deleting_one_file_of_a_folder_leaves_the_others(artifacts: ArtifactStore) -> None:
    published(artifacts, "synthetic-sets/syn_1")
    read = artifacts.path("synthetic-sets/syn_1/nested/file")
    artifacts.delete("synthetic-sets/syn_1/nested/file")
    artifacts.delete("synthetic-sets/syn_1/nested/file")
    assert not read.exists()
    assert not artifacts.exists("synthetic-sets/syn_1/nested/file")
    assert artifacts.path("synthetic-sets/syn_1/empty").exists()


def test_what_was_deleted_can_be_published_anew(artifacts: ArtifactStore) -> None:
    for text in ("first", "second"):
        published(artifacts, "datasets/ds_1", text)
        assert artifacts.path("datasets/ds_1/nested/file").read_text() == text
        artifacts.delete("datasets/ds_1")


def test_folders_are_found_by_the_identifiers_in_their_names(artifacts: ArtifactStore) -> None:
    published(artifacts, "synthetic-sets/syn_1-job_1-1")
    published(artifacts, "synthetic-sets/syn_2-job_2-1")
    assert artifacts.folders_of("job_1") == {"synthetic-sets/syn_1-job_1-1"}
    assert artifacts.folders_of("syn") == set()


def test_folders_are_listed_with_the_time_of_their_last_change(artifacts: ArtifactStore) -> None:
    published(artifacts, "datasets/ds_1")
    before = dict(artifacts.folders())["datasets/ds_1"]
    publish_file(artifacts, "datasets/ds_1/arrays-64/a.npz", "arrays")
    [(key, changed_at)] = artifacts.folders()
    assert key == "datasets/ds_1"
    assert before <= changed_at < datetime.now(UTC) + LATER


def test_staging_is_fresh_for_every_attempt(artifacts: ArtifactStore) -> None:
    staged(artifacts)
    assert list(artifacts.staging("job_1-1").iterdir()) == []


def test_what_an_attempt_staged_goes_and_nothing_of_others(artifacts: ArtifactStore) -> None:
    kept = [artifacts.staging(name) for name in ("job_1-10", "job_10-1")]
    gone = [artifacts.staging(name) for name in ("job_1-1", "job_1-1-drawn")]
    artifacts.delete_staging("job_1-1")
    assert [each.exists() for each in (*kept, *gone)] == [True, True, False, False]


def test_unfinished_work_goes_once_it_is_old(artifacts: ArtifactStore, tmp_path: Path) -> None:
    staged(artifacts)
    published(artifacts, "datasets/ds_1")
    folder = staged(artifacts)
    assert artifacts.discard_unfinished(datetime.now(UTC) - LATER) == 0
    assert folder.exists()
    artifacts.discard_unfinished(datetime.now(UTC) + LATER)
    assert list((tmp_path / "staging").iterdir()) == []
    assert artifacts.path("datasets/ds_1/nested/file").read_text() == "pixels"


def test_a_full_disk_makes_nothing_visible(artifacts: ArtifactStore, full_disk: None) -> None:
    writer = artifacts.open_upload("job_1")
    writer.write(b"PK")
    with pytest.raises(StorageFull):
        writer.commit()
    writer.discard()
    assert not artifacts.has_upload("job_1")


def test_a_full_disk_publishes_nothing_on_it(tmp_path: Path, full_disk: None) -> None:
    artifacts = open_artifacts(Settings(data_dir=tmp_path))
    with pytest.raises(StorageFull):
        published(artifacts, "datasets/ds_1")
    assert not artifacts.exists("datasets/ds_1")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../../x"])
def test_a_key_never_leads_outside(artifacts: ArtifactStore, key: str) -> None:
    for use in (artifacts.path, artifacts.delete, artifacts.exists):
        with pytest.raises(ValueError, match="not an artifact key"):
            use(key)


def test_an_upload_is_visible_only_once_committed(artifacts: ArtifactStore, tmp_path: Path) -> None:
    writer = artifacts.open_upload("job_1")
    writer.write(b"PK")
    assert not artifacts.has_upload("job_1")
    assert not artifacts.upload_path("job_1").exists()
    writer.commit()
    writer.discard()
    assert artifacts.upload_path("job_1").read_bytes() == b"PK"
    assert [job_id for job_id, _ in artifacts.uploads()] == ["job_1"]
    assert list(artifacts.folders()) == []
    artifacts.delete_upload("job_1")
    assert not artifacts.has_upload("job_1")
    assert not artifacts.upload_path("job_1").exists()
    assert list((tmp_path / "uploads").iterdir()) == []


def test_a_discarded_upload_leaves_nothing(artifacts: ArtifactStore, tmp_path: Path) -> None:
    writer = artifacts.open_upload("job_1")
    writer.write(b"PK")
    writer.discard()
    assert not artifacts.has_upload("job_1")
    assert list((tmp_path / "uploads").iterdir()) == []


def test_the_upload_and_the_staged_files_of_a_job_are_counted(artifacts: ArtifactStore) -> None:
    assert artifacts.size_of_work("job_1") == StoredSize(0, 0)
    writer = artifacts.open_upload("job_1")
    writer.write(b"PK")
    writer.commit()
    staged(artifacts)
    assert artifacts.size_of_work("job_1") == StoredSize(3, 8)


def test_the_next_attempt_finds_the_checkpoints_that_were_kept(artifacts: ArtifactStore) -> None:
    first = artifacts.open_checkpoints("job_1", "job_1-1")
    for name in ("a.json", "part/b.npz", "c.123.tmp"):
        path = first.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    first.keep()
    (first.path / "a.json").unlink()
    (first.path / "d.json").write_text("d")
    first.keep()
    next_one = artifacts.open_checkpoints("job_1", "job_1-2").path
    found = {path.name for path in next_one.rglob("*") if path.suffix in {".json", ".npz"}}
    assert found == {"b.npz", "d.json"}
    assert (next_one / "part" / "b.npz").read_text() == "part/b.npz"
    artifacts.delete("checkpoints/job_1")
    artifacts.delete_staging("job_1-2")
    assert list(artifacts.folders()) == []


def test_a_store_that_can_be_used_passes_its_check(artifacts: ArtifactStore) -> None:
    artifacts.check()
    artifacts.check(writing=True)
    assert list(artifacts.folders()) == []
