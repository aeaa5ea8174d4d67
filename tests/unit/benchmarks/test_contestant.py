from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.peers import ours
from benchmarks.peers.contestant import (
    Contestant,
    ContestImages,
    Labels,
    Pixels,
    Stopwatch,
    compete,
    output_path,
    shuffled,
    to_pixels,
)
from models.snapshot import load_snapshot


class Painter(Contestant):
    """Draws images as bright as the number of times it was trained."""

    name = "painter"
    samplers = ("brush",)
    on_request = ("needle",)

    @property
    def networks(self) -> Sequence[nn.Module]:
        return [nn.Linear(2, 3)]

    def train(self, stopwatch: Stopwatch, until: float) -> None:
        while stopwatch.seconds < until:
            pass
        self.images_seen += 1

    def sample(self, labels: Labels, sampler: str) -> Pixels:
        return np.full((len(labels), 8, 8), self.images_seen, np.uint8)


class Steady(Painter):
    name = "steady"
    continues = True


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    pixels = np.zeros((4, 8, 8), np.uint8)
    np.savez(
        tmp_path / "images.npz", pixels=pixels, labels=np.array([0, 1, 0, 1]), classes=["a", "b"]
    )
    return [
        *("--images", str(tmp_path / "images.npz"), "--store", str(tmp_path / "store")),
        *("--marks", "0.02", "0.01", "--per-class", "3"),
    ]


def stored(folder: Path, name: str, mark: float, sampler: str = "brush") -> dict[str, np.ndarray]:
    with np.load(output_path(folder / "store", name, sampler, mark, 0)) as file:
        return dict(file)


def test_each_mark_has_images_of_each_class_and_what_they_cost(
    tmp_path: Path, arguments: list[str]
) -> None:
    compete(Painter, arguments)
    for mark in (0.01, 0.02):
        content = stored(tmp_path, "painter", mark)
        assert content["labels"].tolist() == [0, 0, 0, 1, 1, 1]
        assert content["pixels"].shape == (6, 8, 8)
        assert content["pixels"].dtype == np.uint8
        assert content["training_seconds"] >= mark
        assert content["num_parameters"] == 9
        assert content["images_seen"] == 1  # trained anew for each mark


def test_one_that_continues_is_trained_on_from_mark_to_mark(
    tmp_path: Path, arguments: list[str]
) -> None:
    compete(Steady, arguments)
    assert [stored(tmp_path, "steady", mark)["images_seen"] for mark in (0.01, 0.02)] == [1, 2]


def test_what_lies_in_the_store_is_not_made_again(tmp_path: Path, arguments: list[str]) -> None:
    compete(Painter, arguments)
    kept = output_path(tmp_path / "store", "painter", "brush", 0.01, 0)
    before = kept.stat().st_mtime_ns
    output_path(tmp_path / "store", "painter", "brush", 0.02, 0).unlink()
    compete(Painter, arguments)
    assert kept.stat().st_mtime_ns == before
    assert stored(tmp_path, "painter", 0.02)["images_seen"] == 1


def test_a_slow_sampler_is_taken_only_on_request(tmp_path: Path, arguments: list[str]) -> None:
    compete(Painter, [*arguments, "--samplers", "needle"])
    assert stored(tmp_path, "painter", 0.01, "needle")["pixels"].shape == (6, 8, 8)
    assert not output_path(tmp_path / "store", "painter", "brush", 0.01, 0).exists()


def test_a_sampler_that_it_does_not_have_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="painter does not draw by roller"):
        compete(Painter, [*arguments, "--samplers", "roller"])


def test_the_stopwatch_adds_up_what_lies_between_start_and_stop() -> None:
    now = iter([0.0, 2.0, 10.0, 13.0])
    watch = Stopwatch(lambda: next(now))
    watch.start()
    watch.stop()
    watch.start()
    watch.stop()
    assert watch.seconds == 5.0


def test_every_image_is_in_one_batch_of_an_epoch() -> None:
    batches = shuffled(7, 3, np.random.default_rng(0))
    first = [next(batches) for _ in range(2)]  # the seventh image is alone, and left out
    assert sorted(map(len, first)) == [3, 3]
    assert len(set(np.concatenate(first).tolist())) == 6


def test_images_become_the_pixels_they_came_from() -> None:
    pixels = np.arange(128, dtype=np.uint8).reshape(2, 8, 8)
    for low in (-1.0, 0.0):
        images = ContestImages(pixels, np.zeros(2, np.int64)).tensor(torch.device("cpu"), low)
        assert images.min() >= low
        assert (to_pixels(images, low) == pixels).all()


def test_our_family_keeps_to_processor_time_and_draws_as_the_service_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(time, "monotonic", time.monotonic)  # put back afterwards
    monkeypatch.setattr(ours, "PRESET", "tiny")
    pixels = np.random.default_rng(0).integers(0, 256, (16, 64, 64), np.uint8)
    images = ContestImages(pixels, np.arange(16) % 2, ("clear", "opaque"))
    family = ours.contestant("gan")(images, 0, torch.device("cpu"))
    assert time.monotonic() * torch.get_num_threads() <= time.process_time()
    watch = Stopwatch(time.monotonic)
    watch.start()
    family.train(watch, 1.5)
    assert family.images_seen > 0
    assert family.sample(np.array([0, 1, 1]), "default").shape == (3, 64, 64)
    family.keep(tmp_path / "kept")
    assert load_snapshot(tmp_path / "kept").classes == ("clear", "opaque")
