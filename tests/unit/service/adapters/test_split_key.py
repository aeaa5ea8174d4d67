"""The secret that datasets are split under."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.adapters.split_key import KEY_BYTES, SplitKey
from service.domain.errors import SplitKeyLost


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    key = SplitKey(tmp_path).read_or_make()
    assert len(key) == KEY_BYTES
    assert SplitKey(tmp_path).read_or_make() == SplitKey(tmp_path).read() == key
    [file] = (tmp_path / "keys").iterdir()
    assert file.name == "split.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_two_services_have_two_keys(tmp_path: Path) -> None:
    assert SplitKey(tmp_path / "a").read_or_make() != SplitKey(tmp_path / "b").read_or_make()


def test_of_many_who_make_it_at_once_all_get_the_same(tmp_path: Path) -> None:
    for attempt in range(20):
        data_dir = tmp_path / str(attempt)
        with ThreadPoolExecutor(8) as pool:
            keys = set(pool.map(lambda _, where=data_dir: SplitKey(where).read_or_make(), range(8)))
        assert len(keys) == 1
        assert [file.name for file in (data_dir / "keys").iterdir()] == ["split.key"]


def test_a_key_that_is_lost_is_not_replaced_by_reading(tmp_path: Path) -> None:
    with pytest.raises(SplitKeyLost, match="backup of the data directory"):
        SplitKey(tmp_path).read()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_operator_named_is_read_and_never_made(tmp_path: Path) -> None:
    named = tmp_path / "secret"
    with pytest.raises(SplitKeyLost, match="SYNTHCXR_SPLIT_KEY_FILE") as caught:
        SplitKey(tmp_path, named).read_or_make()
    assert str(tmp_path) not in caught.value.message  # clients need not know where it lies
    named.write_bytes(bytes(range(32)))
    assert SplitKey(tmp_path, named).read_or_make() == bytes(range(32))
    assert not (tmp_path / "keys").exists()


def test_a_key_cut_short_is_refused(tmp_path: Path) -> None:
    SplitKey(tmp_path).read_or_make()
    (tmp_path / "keys" / "split.key").write_bytes(b"x" * 31)
    with pytest.raises(SplitKeyLost, match=r"has 32 bytes.*holds 31"):
        SplitKey(tmp_path).read_or_make()
