from __future__ import annotations

import stat
from dataclasses import fields

import numpy as np
import pytest

from radiographs.duplicates.descriptor import SIDE
from radiographs.errors import LedgerUnusable
from radiographs.patients.ledger import Ledger, LedgerFile

KEY = bytes(range(32))


def some(num, seed=0):
    rng = np.random.default_rng(seed)
    return Ledger(
        marks=rng.integers(0, 256, (num, 32), np.uint8),
        descriptors=rng.integers(0, 256, (num, SIDE, SIDE), np.uint8),
        identities=rng.integers(0, 2**64, num, np.uint64),
        splits=rng.integers(0, 4, num, np.int8),
        patient_marks=rng.integers(0, 256, (num, 32), np.uint8),
        patient_identities=rng.integers(0, 2**64, num, np.uint64),
        links=rng.integers(0, 2**64, (num, 2), np.uint64),
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys" / "identities.npz"


def write(path, ledger, key=KEY):
    file = LedgerFile(path, key)
    assert file.try_to_hold()
    file.write(ledger)
    file.let_go()


def test_what_is_written_is_read(path):
    write(path, some(5) + some(3, seed=1))
    read = LedgerFile(path, KEY).read()
    for field in fields(Ledger):
        first, second = (getattr(some(num, seed), field.name) for num, seed in ((5, 0), (3, 1)))
        np.testing.assert_array_equal(getattr(read, field.name), np.concatenate([first, second]))


def test_where_there_is_no_file_nothing_is_known(path):
    assert len(LedgerFile(path, KEY).read().marks) == 0


def test_only_the_owner_can_read_it(path):
    write(path, some(2))
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {file.name for file in path.parent.iterdir()} == {"identities.npz", "identities.lock"}


def test_one_holds_it_at_a_time(path):
    first, second = LedgerFile(path, KEY), LedgerFile(path, KEY)
    assert first.try_to_hold()
    assert not second.try_to_hold()
    first.let_go()
    assert second.try_to_hold()
    second.let_go()


def test_another_key_is_refused(path):
    write(path, some(2))
    with pytest.raises(LedgerUnusable, match="another key"):
        LedgerFile(path, bytes(32)).read()


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: b"", lambda data: b"x"])
def test_a_damaged_file_is_refused(path, damage):
    write(path, some(2))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(LedgerUnusable, match="cannot be read"):
        LedgerFile(path, KEY).read()


def test_a_write_that_fails_leaves_the_old_file(path, monkeypatch):
    write(path, some(2))
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "disk full")))
    file = LedgerFile(path, KEY)
    assert file.try_to_hold()
    with pytest.raises(OSError, match="disk full"):
        file.write(some(3))
    file.let_go()
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 2
