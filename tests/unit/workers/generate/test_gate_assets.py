"""What is known of a dataset's images is found once, and again only where what was kept is gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.proofs.cases import VALID, planted
from benchmarks.proofs.simulation import Design, Euclidean, Simulation
from release.array_cache import ArrayCache, Arrays
from release.data import LabelledImages, Splits
from release.gate.context import Candidate
from release.gate.gate import Gate
from release.gate.positive_controls import ControlResult, PositiveControl
from service.adapters.local_artifacts import LocalArtifacts
from service.domain.job import JobProgress
from workers.generate import gate_assets
from workers.generate.gate_assets import (
    CLASSIFYING,
    INDEXING,
    TRAINING,
    ArtifactArrayCache,
    GateAssets,
)

FOLDER = "datasets/ds_1/arrays-64"


@pytest.fixture
def artifacts(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path)


@pytest.fixture
def cache(artifacts: LocalArtifacts) -> ArtifactArrayCache:
    return ArtifactArrayCache(artifacts, FOLDER)


class Finding:
    """Finds something, and counts how often it had to."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Arrays:
        self.times += 1
        return {"far": np.array([0.5, np.inf], np.float32), "who": np.array([3, -1])}


def test_what_was_found_is_not_sought_again(cache: ArtifactArrayCache) -> None:
    find = Finding()
    first, second = cache.get("one", find), cache.get("one", find)
    assert find.times == 1
    assert set(first) == set(second)
    for name in first:
        assert first[name].dtype == second[name].dtype
        assert np.array_equal(first[name], second[name])


def test_another_name_is_another_thing(cache: ArtifactArrayCache) -> None:
    find = Finding()
    cache.get("one", find)
    cache.get("one, by a later version", find)
    assert find.times == 2


@pytest.mark.parametrize(
    "harm",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: b"not arrays at all",
        lambda whole: whole.replace(np.float32(0.5).tobytes(), np.float32(0.7).tobytes()),
    ],
    ids=["cut short", "empty", "of another kind", "changed"],
)
def test_a_file_that_is_not_whole_is_made_again(
    cache: ArtifactArrayCache, artifacts: LocalArtifacts, harm: Callable[[bytes], bytes]
) -> None:
    find = Finding()
    cache.get("one", find)
    (file,) = artifacts.path(FOLDER).iterdir()
    file.write_bytes(harm(file.read_bytes()))
    assert cache.get("one", find)["far"][0] == 0.5
    assert find.times == 2
    cache.get("one", find)
    assert find.times == 2


def test_all_of_it_goes_when_the_dataset_goes(
    cache: ArtifactArrayCache, artifacts: LocalArtifacts, tmp_path: Path
) -> None:
    cache.get("one", Finding())
    artifacts.delete("datasets/ds_1")
    assert not list(tmp_path.rglob("*.npz"))


def test_a_gate_with_a_cache_judges_as_one_without(cache: ArtifactArrayCache) -> None:
    simulation = Simulation(0, Design(trained=500, audit=300, images=400))
    images, known = simulation.honest(), planted(simulation)
    of_no_class = np.zeros((len(images), len(simulation.splits.classes)))

    def judged(cache: ArrayCache | None) -> dict[str, Any]:
        gate = Gate(simulation.splits, [Euclidean()], cache=cache)
        candidate = Candidate(images, of_no_class, VALID)
        return gate.evaluate(candidate, [gate.measure(known)]).private()

    assert judged(None) == judged(cache) == judged(cache)


class CountingGate:
    """Indexes once, and counts what it measures."""

    digest = "0"

    def __init__(self) -> None:
        self.measured = 0

    def prepare(self, on_progress: Callable[[float], None]) -> None:
        if not self.measured:
            on_progress(0.5)
            on_progress(1.0)

    def measure(self, control: PositiveControl) -> ControlResult:
        self.measured += 1
        return ControlResult(control.name, len(control.pixels), 1, control.required)


class Reports:
    """An attempt that keeps every report."""

    def __init__(self, folder: Path = Path()) -> None:
        self.progress: list[JobProgress] = []
        self._folder = folder

    def staging(self, name: str) -> Path:
        path = self._folder / name
        path.mkdir()
        return path

    def report_due(self) -> bool:
        return True

    def report(self, progress: JobProgress) -> None:
        self.progress.append(progress)


def test_a_phase_that_is_over_does_not_stay_while_the_next_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_assets, "VIEWS", (64, 64))
    monkeypatch.setattr(gate_assets, "IMAGES", (64, 64))
    pixels = np.random.default_rng(0).integers(0, 256, (16, 32, 32), np.uint8)
    images = LabelledImages(pixels, np.arange(16) % 2, np.arange(16))
    splits = Splits(("a", "b"), images, np.zeros(16, np.bool_), images, images, "0")
    attempt = Reports(tmp_path)
    gate_assets._train_assets(attempt, splits)
    assert list(dict.fromkeys(each.phase for each in attempt.progress)) == [TRAINING, CLASSIFYING]
    assert attempt.progress[-1] == JobProgress(CLASSIFYING)  # nobody knows how far it is


def test_what_comes_before_the_first_set_is_reported_and_done_once(
    cache: ArtifactArrayCache,
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 32, 32), np.uint8)
    images = LabelledImages(pixels, np.zeros(16, np.int64), np.arange(16))
    splits = Splits(("a", "b"), images, np.zeros(16, np.bool_), images, images, "0")
    gate, attempt = CountingGate(), Reports()
    assets = GateAssets(splits, Any, gate, ("pixels",), cache)
    assets.prepare(attempt)
    fractions = [each.fraction for each in attempt.progress]
    assert {each.phase for each in attempt.progress} == {INDEXING}
    assert {each.images_seen for each in attempt.progress} == {0}  # nobody learns how many
    assert fractions[0] is None
    assert fractions[1:] == sorted(fractions[1:])
    assert fractions[-1] == 1
    num_kinds = gate.measured
    assert len(assets.controls) == num_kinds == gate.measured
    another = GateAssets(splits, Any, gate, ("pixels",), cache)
    attempt.progress.clear()
    another.prepare(attempt)
    assert (attempt.progress, gate.measured) == ([], num_kinds)
