"""Rounds of sampling, with a gate that flags given images."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import workers.generate.sampling
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.registry import sampler_class
from models.snapshot import Snapshot, new_model
from models.threads import Threads
from release.gate.policy import Policy
from release.package.spool import StagedImages
from release.sample_spec import ClassSample
from service.domain.requests import Interpolation, Mixture
from tests.sample_records import generate_request
from workers.generate.plan import plan_samples
from workers.generate.sampling import NONE, SetSampler

CLASSES = ("normal", "effusion")


@dataclass
class StubNeighbours:
    flagged: NDArray[np.bool_]

    @classmethod
    def concatenated(cls, parts):
        return cls(np.concatenate([part.flagged for part in parts]))


class StubGate:
    """Flags the images at some places, counted over all rounds."""

    num_needed = 256

    def __init__(self, *flagged):
        self.flagged, self.num_seen = set(flagged), 0

    def compare(self, pixels):
        places = range(self.num_seen, self.num_seen + len(pixels))
        self.num_seen += len(pixels)
        return StubNeighbours(np.array([place in self.flagged for place in places], dtype=np.bool_))


class StubAttempt:
    def __init__(self):
        self.reports = []

    def report_due(self):
        return True

    def report(self, progress):
        self.reports.append(progress)


@pytest.fixture(autouse=True)
def stub_looks(monkeypatch):
    monkeypatch.setattr(workers.generate.sampling, "SetNeighbours", StubNeighbours)


@pytest.fixture(scope="module")
def snapshot():
    config = resolve_config("vae", "tiny", {}, Circumstances(64)).model_dump(mode="json")
    return Snapshot("vae", CLASSES, new_model("vae", config, ImageSpec(64, 2), seed=0).eval())


@pytest.fixture
def draw(snapshot, tmp_path: Path):
    rounds = iter(range(100))

    def draw(gate, **request):
        threads = request.pop("threads", None)
        wanted = plan_samples(generate_request(**{"class_counts": {}, "seed": 3} | request))
        sampler = sampler_class("vae")()
        path = tmp_path / f"{next(rounds)}.raw"
        draw.attempt = StubAttempt()
        sampling = SetSampler(draw.attempt, snapshot, sampler, wanted, 3, path, threads)
        return sampling.draw(gate, Policy())

    return draw


def test_what_is_not_flagged_is_offered_as_it_was_asked_for(draw):
    drawn = draw(StubGate(), class_counts={"normal": 200, "effusion": 100})
    assert drawn.offered.tolist() == list(range(300)) == list(range(len(drawn.pixels)))
    assert Counter(drawn.labels(CLASSES).tolist()) == {0: 200, 1: 100}


def test_a_flagged_image_makes_way_for_another_of_its_class(draw):
    clean = draw(StubGate(), class_counts={"normal": 200, "effusion": 100})
    drawn = draw(StubGate(7, 250, 300), class_counts={"normal": 200, "effusion": 100})
    # 7 and 250 were drawn anew as 300 and 301, and 300 once more as 302
    assert drawn.offered[[7, 250]].tolist() == [302, 301]
    assert [drawn.specs[place].label for place in (302, 301)] == ["normal", "effusion"]
    assert len({image.seed for image in drawn.specs}) == len(drawn.specs) == 303
    kept = np.delete(np.arange(300), [7, 250])
    assert np.array_equal(drawn.pixels[kept], clean.pixels[kept])


def test_a_model_that_only_copies_is_not_asked_for_ever(draw):
    drawn = draw(StubGate(*range(10_000)), class_counts={"normal": 300})
    assert (drawn.offered == NONE).all()
    assert len(drawn.pixels) <= 300 * (1 + Policy().spare_share)
    assert drawn.neighbours.flagged.all()


def test_a_small_set_is_examined_by_more_images_than_it_has(draw):
    drawn = draw(StubGate(), class_counts={"normal": 3, "effusion": 1})
    assert len(drawn.pixels) == StubGate.num_needed
    assert drawn.offered.tolist() == [0, 1, 2, 3]
    assert Counter(drawn.labels(CLASSES).tolist()) == {0: 192, 1: 64}


def test_a_flagged_image_on_a_way_between_two_is_left_out(draw):
    way = Interpolation(1, 2, 4, label="normal")
    drawn = draw(StubGate(258), class_counts={"normal": 256}, interpolate=(way,))
    assert drawn.offered.tolist() == [*range(258), NONE, 259]
    assert all(isinstance(image, ClassSample) for image in drawn.specs[:256])
    assert drawn.labels(CLASSES)[256:].tolist() == [NONE] * 4


def test_every_image_shows_its_classes_by_their_weights(draw):
    way = Interpolation(1, 2, 4, label="normal")
    mixture = Mixture({"normal": 0.25, "effusion": 0.75}, 2)
    drawn = draw(
        StubGate(), class_counts={"effusion": 250}, mixtures=(mixture,), interpolate=(way,)
    )
    weights = drawn.weights(CLASSES)
    assert weights[0].tolist() == [0, 1]
    assert weights[250].tolist() == [0.25, 0.75]
    assert weights[252:256].tolist() == [[1, 0]] * 4
    assert np.allclose(weights.sum(1), 1)
    assert len(weights) == len(drawn.pixels)


def test_what_was_asked_for_and_kept_is_released_in_its_order(draw):
    drawn = draw(StubGate(1), class_counts={"normal": 3, "effusion": 1})
    kept = ~drawn.neighbours.flagged
    kept[0] = False
    assert drawn.released(kept) == [256, 2, 3]


def test_a_small_set_is_examined_with_more_of_every_kind_asked_for(draw):
    way = Interpolation(1, 2, 3, label="normal")
    drawn = draw(StubGate(), class_counts={"effusion": 1}, interpolate=(way,))
    kinds = Counter(spec.kind for spec in drawn.specs)
    assert kinds == {"class": 64, "interpolation": 192}
    ways = [each for each in drawn.specs if each.kind == "interpolation"]
    assert Counter(each.position for each in ways) == {0.0: 64, 0.5: 64, 1.0: 64}
    assert len({(each.from_seed, each.to_seed) for each in ways[3:]}) == 189


def test_progress_says_nothing_of_what_was_flagged(draw):
    shown = []
    for gate in (StubGate(), StubGate(0)):
        draw(gate, class_counts={"normal": 300})
        shown.append([(p.images_seen, p.total_images) for p in draw.attempt.reports])
    assert shown[0] == shown[1] != []


class CountedThreads(Threads):
    """Counts how often they were given back."""

    num_releases = 0

    def release(self):
        self.num_releases += 1
        super().release()


class Full(Exception):
    """The disk."""


def test_threads_are_given_back_before_an_error_is_handled(draw, monkeypatch):
    """Whoever still refers to what was being drawn: a trace of the error, a debugger."""
    referred_to, drawn = [], SetSampler._drawn

    def drawing(*arguments):
        referred_to.append(drawn(*arguments))
        return referred_to[-1]

    def no_room(*_):
        raise Full

    monkeypatch.setattr(SetSampler, "_drawn", drawing)
    monkeypatch.setattr(StagedImages, "append", no_room)
    threads = CountedThreads()
    with pytest.raises(Full):
        draw(StubGate(), class_counts={"normal": 1}, threads=threads)
    assert (len(referred_to), threads.num_releases) == (1, 1)
