import stat
from datetime import timedelta
from pathlib import Path

import pytest

from service.domain.api_keys import digest_of, is_whole
from service.domain.caller import WORK, Scope
from service.domain.errors import StorageFull
from service.local_token import LocalToken
from tests.in_memory_queue import ManualClock
from tests.in_memory_records import MemoryStore


class Scene:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.keys = MemoryStore(self.clock).records().api_keys
        self.file = folder / "token"

    def kept(self, *extra: Scope, name: str = "here") -> str:
        LocalToken(self.file, name, self.keys, self.clock).keep(WORK.union(extra))
        return self.file.read_text().strip()

    def accepts(self, secret: str) -> bool:
        key = self.keys.by_secret(digest_of(secret))
        return key is not None and key.refusal(digest_of(secret), self.clock.now()) is None


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_the_first_start_writes_a_key_for_its_user_alone(scene: Scene) -> None:
    secret = scene.kept("private:read")
    assert is_whole(secret)
    assert stat.S_IMODE(scene.file.stat().st_mode) == 0o600
    key = scene.keys.by_secret(digest_of(secret))
    assert key is not None
    assert set(key.scopes) == WORK | {"private:read"}


def test_a_good_key_outlives_a_restart(scene: Scene) -> None:
    assert scene.kept() == scene.kept()


def test_other_scopes_make_another_key_and_end_the_one_before(scene: Scene) -> None:
    before = scene.kept("private:read")
    now = scene.kept()
    assert (scene.accepts(before), scene.accepts(now)) == (False, True)


@pytest.mark.parametrize("content", [None, b"", b"nonsense\n", b"\xff\xfe", b"synthcxr_1\n"])
def test_a_file_that_was_lost_or_spoiled_is_made_anew(scene: Scene, content: bytes | None) -> None:
    before = scene.kept()
    scene.file.unlink()
    if content is not None:
        scene.file.write_bytes(content)
        scene.file.chmod(0o600)
    now = scene.kept()
    assert (scene.accepts(before), scene.accepts(now)) == (False, True)


def test_a_key_that_others_could_read_is_replaced(scene: Scene) -> None:
    before = scene.kept()
    scene.file.chmod(0o644)
    now = scene.kept()
    assert not scene.accepts(before)
    assert scene.accepts(now)
    assert stat.S_IMODE(scene.file.stat().st_mode) == 0o600


def test_a_revoked_key_is_replaced(scene: Scene) -> None:
    before = scene.keys.by_secret(digest_of(scene.kept()))
    assert before is not None
    scene.keys.change(
        "default", before.id, lambda key: key.revoked(scene.clock.now() - timedelta(hours=1))
    )
    assert scene.accepts(scene.kept())


def test_the_keys_of_other_data_directories_stay(scene: Scene, tmp_path: Path) -> None:
    other = scene.kept(name="there")
    scene.file.unlink()
    scene.kept(name="here")
    assert scene.accepts(other)


def test_a_full_disk_leaves_the_key_before(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise StorageFull("full")

    before = scene.kept()
    monkeypatch.setattr("service.local_token.replace_file", full)
    with pytest.raises(StorageFull):
        scene.kept("private:read")
    assert scene.accepts(before)
