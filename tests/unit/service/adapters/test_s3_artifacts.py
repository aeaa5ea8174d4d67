"""What an artifact store in a bucket promises besides: see test_artifact_stores.py."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.adapters import s3_bucket, s3_publications
from service.adapters.artifact_cache import ArtifactCache
from service.adapters.artifact_store import open_artifacts
from service.domain.errors import ArtifactMissing, ArtifactsUnavailable
from service.domain.ports import ArtifactStore
from tests.object_store import SECRET, Fault, Faults, ObjectStore, failing_proxy

LATER = timedelta(days=1)
KEY = "datasets/ds_1"


@pytest.fixture(autouse=True)
def small_parts_and_short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_publications, "PART_BYTES", 1000)
    monkeypatch.setattr(s3_bucket, "_MAX_RETRIES", 2)


@pytest.fixture
def artifacts(object_store: ObjectStore, tmp_path: Path) -> ArtifactStore:
    return open_artifacts(object_store.settings(tmp_path))


def publish(artifacts: ArtifactStore, content: bytes, key: str = KEY) -> None:
    folder = artifacts.staging("job_1-1")
    (folder / "pixels.npy").write_bytes(content)
    (folder / "store.json").write_bytes(b"{}")
    artifacts.publish(folder, key)


def read(artifacts: ArtifactStore, key: str = KEY) -> bytes:
    return (artifacts.path(key) / "pixels.npy").read_bytes()


def test_another_machine_reads_the_same_bytes_from_a_private_copy(
    artifacts: ArtifactStore, object_store: ObjectStore, tmp_path: Path
) -> None:
    content = os.urandom(10_500)  # more parts than are read at once
    publish(artifacts, content)
    elsewhere = open_artifacts(object_store.settings(tmp_path / "elsewhere"))
    assert read(elsewhere) == content
    copies = tmp_path / "elsewhere" / "cache"
    folders = [copies, *copies.iterdir()]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


def test_every_object_is_small_and_no_multipart_upload_is_left(
    artifacts: ArtifactStore, object_store: ObjectStore
) -> None:
    publish(artifacts, os.urandom(10_500))
    assert len(object_store.objects()) == 11 + 1 + 1
    assert object_store.unfinished_uploads() == 0


def test_a_deletion_leaves_no_object_and_no_copy(
    artifacts: ArtifactStore, object_store: ObjectStore, tmp_path: Path
) -> None:
    publish(artifacts, b"CANARY" * 500)
    read(artifacts)
    artifacts.delete(KEY)
    assert object_store.objects() == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_copies_of_another_machine_go_soon_after(
    artifacts: ArtifactStore, object_store: ObjectStore, tmp_path: Path
) -> None:
    for key in (KEY, "datasets/ds_2"):
        publish(artifacts, key.encode(), key)
    elsewhere = open_artifacts(object_store.settings(tmp_path / "elsewhere"))
    gone, within, kept = read_paths(elsewhere)
    artifacts.delete(KEY)
    artifacts.delete("datasets/ds_2/store.json")
    elsewhere.drop_outdated_copies()
    assert [gone.exists(), within.exists(), kept.exists()] == [False, False, False]
    assert elsewhere.path("datasets/ds_2/pixels.npy").exists()


def read_paths(artifacts: ArtifactStore) -> tuple[Path, Path, Path]:
    second = artifacts.path("datasets/ds_2")
    return artifacts.path(KEY), second / "store.json", second / "pixels.npy"


def test_content_that_was_changed_is_not_read(
    artifacts: ArtifactStore, object_store: ObjectStore, tmp_path: Path
) -> None:
    publish(artifacts, b"a" * 2500)
    part = next(each for each in object_store.objects() if each.endswith(".000002"))
    object_store.overwrite(part, b"b" * 500)
    elsewhere = open_artifacts(object_store.settings(tmp_path / "elsewhere"))
    with pytest.raises(ArtifactMissing, match="checksum"):
        elsewhere.path(KEY)
    copies = (tmp_path / "elsewhere").rglob("*")
    assert {path.name for path in copies if path.is_file()} <= {".key", ".fetching", "store.json"}


@pytest.mark.parametrize("outside", ["../../../evil", "/evil", "a/../../evil"])
def test_a_manifest_that_was_changed_leads_nowhere(
    outside: str, artifacts: ArtifactStore, object_store: ObjectStore, tmp_path: Path
) -> None:
    publish(artifacts, b"pixels")
    manifest = json.loads(object_store.content(f"{KEY}/.manifest"))
    manifest["files"][0]["name"] = outside
    for changed in (json.dumps(manifest).encode(), b"{", b"[]", b'{"files": [{}]}'):
        object_store.overwrite(f"{KEY}/.manifest", changed)
        elsewhere = open_artifacts(object_store.settings(tmp_path / "elsewhere"))
        with pytest.raises(ArtifactMissing, match="was changed"):
            elsewhere.path(KEY)
        elsewhere.drop_outdated_copies()
        assert elsewhere.discard_unfinished(datetime.now(UTC) + LATER) == 0
        assert list(tmp_path.rglob("*evil*")) == []
    assert len(object_store.objects()) == 3


def test_a_publication_whose_process_is_killed_is_never_seen_and_goes(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    """Killed when all parts are there and the manifest is not."""
    code = """
import os, sys
from pathlib import Path
from service.adapters import s3_publications
from service.adapters.artifact_store import open_artifacts
from service.settings import Settings
s3_publications.PART_BYTES = 1000
s3_publications.S3Publications.show = lambda *_: os._exit(9)
artifacts = open_artifacts(Settings())
folder = artifacts.staging("job_1-1")
(folder / "pixels.npy").write_bytes(b"a" * 2500)
artifacts.publish(folder, "datasets/ds_1")
"""
    settings = object_store.settings(tmp_path)
    environment = {
        **os.environ,
        "SYNTHCXR_DATA_DIR": str(tmp_path),
        "SYNTHCXR_ARTIFACTS": settings.artifacts or "",
        "SYNTHCXR_S3_ENDPOINT": settings.s3_endpoint or "",
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    ended = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert ended.returncode == 9
    artifacts = open_artifacts(settings)
    assert len(object_store.objects()) == 3
    assert not artifacts.exists(KEY)
    assert not artifacts.path(KEY).exists()
    publish(artifacts, b"whole")
    assert read(artifacts) == b"whole"
    assert artifacts.discard_unfinished(datetime.now(UTC) - LATER) == 0
    artifacts.discard_unfinished(datetime.now(UTC) + LATER)
    assert len(object_store.objects()) == 3  # the manifest and one part of either file
    assert read(open_artifacts(object_store.settings(tmp_path / "elsewhere"))) == b"whole"


def test_of_two_that_publish_at_once_one_is_seen_and_none_is_torn(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    machines = [open_artifacts(object_store.settings(tmp_path / str(n))) for n in range(4)]
    contents = [bytes([n]) * 3500 for n in range(4)]
    threads = [
        threading.Thread(target=publish, args=pair) for pair in zip(machines, contents, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {read(machine) for machine in machines}
    assert len(found) == 1
    assert found < set(contents)
    whole = [each for each in object_store.objects() if not each.endswith(".refreshed")]
    assert len(whole) == 1 + 4 + 1


def test_checkpoints_of_an_attempt_that_was_taken_over_do_no_harm(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    """Two keep theirs in turn; a third finds those of one moment, whole."""
    machines = [open_artifacts(object_store.settings(tmp_path / str(n))) for n in range(3)]
    first = machines[0].open_checkpoints("job_1", "job_1-1")
    (first.path / "1.npz").write_bytes(b"1" * 1500)
    first.keep()
    second = machines[1].open_checkpoints("job_1", "job_1-2")
    for folder, old, new in ((second, "1", "2"), (first, "1", "3"), (second, "2", "4")):
        (folder.path / f"{old}.npz").unlink()
        (folder.path / f"{new}.npz").write_bytes(new.encode() * 1500)
        folder.keep()
    third = machines[2].open_checkpoints("job_1", "job_1-3")
    assert {path.name: path.read_bytes() for path in third.path.iterdir()} == {"4.npz": b"4" * 1500}


def test_copies_that_nobody_uses_make_way_the_longest_unused_first(tmp_path: Path) -> None:
    worker, api = (ArtifactCache(tmp_path / "cache", 2500) for _ in range(2))

    def copy(cache: ArtifactCache, name: str) -> Path:
        folder = cache.hold(name, f"models/{name}")
        return cache.copy(folder, "weights", 1000, lambda path: void(path.write_bytes(b"w" * 1000)))

    held = copy(worker, "held")
    for name in ("a", "b"):
        unused = copy(api, name)
        os.utime(unused.parent, (1, 1))
    assert held.exists()
    for number in range(20):  # so many that the first is let go
        copy(api, f"other-{number}")
    assert held.exists()
    assert not unused.exists()
    total = sum(path.stat().st_size for path in tmp_path.rglob("weights"))
    assert total <= 17_000  # what is held, and no more


def void(_: object) -> None:
    """Return nothing."""


TRANSIENT: list[Fault] = ["reset", "unavailable", "cut", "lost answer"]


@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_store_that_fails_in_between_is_asked_again(
    fault: Fault, object_store: ObjectStore, tmp_path: Path
) -> None:
    """Every request fails the first time; the bytes are the same in the end."""
    content = os.urandom(9500)
    faults = Faults()

    def first_time(method: str, path: str) -> Fault:
        fails = fault if faults.seen.count((method, path)) == 1 else "none"
        return "reset" if fails == "cut" and method != "GET" else fails

    faults.choose = first_time
    with failing_proxy(object_store.server, faults) as url:
        behind = ObjectStore(url, object_store.bucket, object_store.server)
        publish(open_artifacts(behind.settings(tmp_path / "a")), content)
        found = read(open_artifacts(behind.settings(tmp_path / "b")))
    assert hashlib.sha256(found).digest() == hashlib.sha256(content).digest()
    manifests = [each for each in object_store.objects() if each.endswith(".manifest")]
    assert len(manifests) == 1


@pytest.mark.parametrize("fault", ["reset", "unavailable", "refuse"])
def test_a_store_that_keeps_failing_is_a_named_error(
    fault: Fault,
    object_store: ObjectStore,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In one line without keys; nothing becomes visible, and nothing is staged for ever."""
    faults = Faults(lambda *_: fault)
    with failing_proxy(object_store.server, faults) as url:
        behind = ObjectStore(url, object_store.bucket, object_store.server)
        artifacts = open_artifacts(behind.settings(tmp_path))
        with pytest.raises(ArtifactsUnavailable) as failed:
            publish(artifacts, b"a" * 2500)
        with pytest.raises(ArtifactsUnavailable):
            artifacts.check()
    expected = "credentials" if fault == "refuse" else "does not answer"
    assert expected in str(failed.value)
    assert "\n" not in str(failed.value)
    assert failed.value.retryable
    said = str(failed.value) + "".join(capfd.readouterr())
    assert SECRET not in said
    assert "tester" not in said
    assert not open_artifacts(object_store.settings(tmp_path)).exists(KEY)


def test_answers_that_are_always_cut_are_a_named_error(
    artifacts: ArtifactStore, object_store: ObjectStore, tmp_path: Path
) -> None:
    publish(artifacts, b"a" * 2500)
    with failing_proxy(object_store.server, Faults(lambda *_: "cut")) as url:
        behind = ObjectStore(url, object_store.bucket, object_store.server)
        with pytest.raises(ArtifactsUnavailable, match="broke off"):
            open_artifacts(behind.settings(tmp_path / "elsewhere")).path(KEY)


def test_a_publication_that_breaks_off_removes_what_it_wrote(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    faults = Faults(lambda _, path: "unavailable" if path.endswith("000002") else "none")
    with failing_proxy(object_store.server, faults) as url:
        behind = ObjectStore(url, object_store.bucket, object_store.server)
        with pytest.raises(ArtifactsUnavailable):
            publish(open_artifacts(behind.settings(tmp_path)), b"a" * 4500)
    assert object_store.objects() == []


def test_a_missing_bucket_is_not_a_missing_artifact(
    artifacts: ArtifactStore, object_store: ObjectStore
) -> None:
    publish(artifacts, b"pixels")
    object_store.remove_bucket()
    for use in (
        lambda: artifacts.exists(KEY),
        lambda: artifacts.path(KEY),
        lambda: artifacts.delete(KEY),
        lambda: publish(artifacts, b"more"),
        lambda: list(artifacts.folders()),
        artifacts.check,
        lambda: artifacts.check(writing=True),
    ):
        with pytest.raises(ArtifactsUnavailable, match="There is no bucket"):
            use()


def test_no_server_at_all_is_a_named_error(tmp_path: Path) -> None:
    nowhere = ObjectStore("http://127.0.0.1:9", "bucket", "")
    with pytest.raises(ArtifactsUnavailable, match="does not answer"):
        open_artifacts(nowhere.settings(tmp_path)).check()
