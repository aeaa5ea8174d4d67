"""Images that an interrupted attempt leaves to the next."""

import numpy as np
import pytest

from workers.generate.kept_images import KeptImages


def batch(first, number=8):
    return np.arange(first, first + number, dtype=np.uint8)[:, None, None] * np.ones(
        (1, 4, 4), np.uint8
    )


def read(folder):
    parts = list(KeptImages(folder, 15.0).read())
    return np.concatenate(parts)[:, 0, 0].tolist() if parts else []


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kept"


def test_what_was_kept_is_read_in_order_and_gone_on_with(folder):
    first = KeptImages(folder, 0.0)
    assert list(first.read()) == []
    assert first.add(batch(0))
    second = KeptImages(folder, 0.0)
    assert [len(part) for part in second.read()] == [8]
    assert second.add(batch(8))
    assert second.add(batch(16, 3))
    assert read(folder) == list(range(19))


def test_parts_are_kept_soon_at_first_and_at_an_interval_later(folder, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(
        "workers.generate.kept_images.time", type("T", (), {"monotonic": lambda: now[0]})
    )
    kept, at = KeptImages(folder, 15.0), []
    for second in range(80):
        now[0] = float(second)
        if kept.add(batch(0, 1)):
            at.append(second)
    assert at == [1, 2, 4, 8, 16, 31, 46, 61, 76]


def test_a_stop_keeps_what_is_not_yet_written(folder):
    kept = KeptImages(folder, 15.0)
    kept.add(batch(0))
    assert read(folder) == []
    assert kept.keep()
    assert not kept.keep()
    assert read(folder) == list(range(8))


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "gone"])
def test_a_damaged_part_and_all_behind_it_are_drawn_again(folder, damage):
    kept = KeptImages(folder, 0.0)
    for first in (0, 8, 16):
        kept.add(batch(first))
    _, part, _ = sorted(folder.iterdir())
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        part.unlink()
    else:
        part.write_bytes(
            {"flipped": bytes(content), "cut": bytes(content[:-20]), "empty": b""}[damage]
        )
    assert read(folder) == list(range(8))


def test_two_attempts_that_overlap_write_the_same(folder):
    stalled, next_one = KeptImages(folder, 0.0), KeptImages(folder, 0.0)
    for first in (0, 8):
        next_one.add(batch(first))
        stalled.add(batch(first))
    assert read(folder) == list(range(16))


def test_a_full_disk_keeps_nothing_and_stops_nobody(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workers.generate.kept_images.replace_file", full)
    kept = KeptImages(folder, 0.0)
    assert not kept.add(batch(0))
    monkeypatch.undo()
    assert kept.add(batch(8))
    assert read(folder) == list(range(16))
