import errno
import os
from pathlib import Path

import pytest

from service.adapters.local_artifacts import LocalArtifacts
from service.domain.errors import StorageFull


@pytest.fixture
def artifacts(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)


def staged(artifacts: LocalArtifacts, text: str = "pixels") -> Path:
    folder = artifacts.staging("job_1-1")
    (folder / "nested").mkdir()
    (folder / "nested" / "file").write_text(text)
    return folder


def test_a_published_folder_appears_whole_and_leaves_staging(artifacts: LocalArtifacts) -> None:
    folder = staged(artifacts)
    artifacts.publish(folder, "datasets/ds_1")
    assert (artifacts.path("datasets/ds_1") / "nested" / "file").read_text() == "pixels"
    assert not folder.exists()


def test_publishing_again_keeps_what_is_there(artifacts: LocalArtifacts) -> None:
    for text in ("first", "second"):
        artifacts.publish(staged(artifacts, text), "datasets/ds_1")
    assert (artifacts.path("datasets/ds_1") / "nested" / "file").read_text() == "first"
    assert list((artifacts.path("x").parents[1] / "staging").iterdir()) == []


def test_staging_is_fresh_for_every_attempt(artifacts: LocalArtifacts) -> None:
    staged(artifacts)
    assert list(artifacts.staging("job_1-1").iterdir()) == []


def test_a_full_disk_publishes_nothing(artifacts: LocalArtifacts, full_disk: None) -> None:
    with pytest.raises(StorageFull):
        artifacts.publish(staged(artifacts), "datasets/ds_1")
    assert not artifacts.path("datasets/ds_1").exists()


def test_deleting_removes_a_folder_and_forgives_its_absence(artifacts: LocalArtifacts) -> None:
    artifacts.publish(staged(artifacts), "datasets/ds_1")
    artifacts.delete("datasets/ds_1")
    artifacts.delete("datasets/ds_1")
    assert not artifacts.path("datasets/ds_1").exists()


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../../x"])
def test_a_key_never_leads_outside(artifacts: LocalArtifacts, key: str) -> None:
    with pytest.raises(ValueError, match="not an artifact key"):
        artifacts.path(key)


def test_an_upload_is_visible_only_once_committed(artifacts: LocalArtifacts) -> None:
    writer = artifacts.open_upload("job_1")
    writer.write(b"PK")
    assert not artifacts.upload_path("job_1").exists()
    writer.commit()
    assert artifacts.upload_path("job_1").read_bytes() == b"PK"
    artifacts.delete_upload("job_1")
    assert not artifacts.upload_path("job_1").exists()


def test_a_discarded_upload_leaves_nothing(artifacts: LocalArtifacts) -> None:
    writer = artifacts.open_upload("job_1")
    writer.write(b"PK")
    writer.discard()
    assert list(artifacts.upload_path("job_1").parent.iterdir()) == []


def test_an_upload_to_a_full_disk_is_refused_and_leaves_nothing(
    artifacts: LocalArtifacts, full_disk: None
) -> None:
    writer = artifacts.open_upload("job_1")
    writer.write(b"PK")
    with pytest.raises(StorageFull):
        writer.commit()
    writer.discard()
    assert list(artifacts.upload_path("job_1").parent.iterdir()) == []
