"""KID while a model trains: seldom enough, of training images alone, lower for better images."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from models.family import ImageSpec
from models.registry import sampler_class
from radiographs.phantom import draw
from radiographs.splits.split import Split
from workers.train.kid_monitor import NUM_DRAWN, KidMonitor, training_images


def phantoms(label: str, num_images: int, first: int = 0) -> np.ndarray:
    indices = range(first, first + num_images)
    return np.stack([draw(label, seed=0, index=index, size=64).pixels for index in indices])


REFERENCE = [phantoms("effusion", 40), phantoms("normal", 40)]
FRESH = torch.from_numpy(
    np.stack([phantoms(label, NUM_DRAWN // 2, 100) for label in ("effusion", "normal")])
)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Drawing(nn.Module):
    """Draws phantoms that it has kept, spoilt by noise; each takes a tenth of a second."""

    def __init__(self, clock: Clock, spoilt: float) -> None:
        super().__init__()
        self.clock, self.spoilt, self.num_drawn = clock, spoilt, 0
        self.weight = nn.Parameter(torch.zeros(1))
        self.spec = ImageSpec(64, 2)

    def sample(self, mixtures, noise, sampler):
        del noise, sampler
        self.clock.seconds += 0.1 * len(mixtures)
        chosen = mixtures.argmax(1)
        places = (self.num_drawn + torch.arange(len(mixtures))) % (NUM_DRAWN // 2)
        self.num_drawn += len(mixtures)
        images = FRESH[chosen, places][:, None].float() / 127.5 - 1
        spoilt = torch.rand(images.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
        return images * (1 - self.spoilt) + spoilt * self.spoilt


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def monitor(clock):
    return KidMonitor(REFERENCE, sampler_class("vae")(), max_share=0.02, clock=clock)


def measured(monitor, clock, spoilt):
    model = Drawing(clock, spoilt)
    return monitor.measure(model, 0.5) or monitor.measure(model, 0.5)


def test_better_images_have_a_lower_kid_and_fresh_ones_about_none(monitor, clock):
    found = [measured(monitor, clock, spoilt) for spoilt in (0.5, 0.2, 0.0)]
    values = [each.value for each in found]
    assert values[0] > values[1] > values[2]
    assert found[1].low > 0
    assert found[2].low <= 0.02 <= 1 < found[0].value
    assert all(each.low <= each.value <= each.high for each in found)


def test_looks_take_a_fiftieth_of_the_time_at_most(monitor, clock):
    began, model, looks = clock.seconds, Drawing(clock, 0.0), 0
    for second in range(2000):
        clock.seconds += 1  # of training
        if monitor.due(second / 2000) and monitor.measure(model, second / 2000):
            looks += 1
    spent = clock.seconds - began - 2000
    assert 0 < spent <= 0.02 * (clock.seconds - began)
    assert looks == spent // 6.4 > 3


def test_looks_are_a_twentieth_of_the_training_apart(monitor, clock):
    clock.seconds += 1e6
    assert monitor.due(0.06)
    assert measured(monitor, clock, 0.0)
    assert not monitor.due(0.52)
    assert monitor.due(0.56)


def test_nobody_is_looked_at_but_patients_who_are_learned_from():
    """Of the store, images are their own number: who is read can be read off them."""
    splits = np.array([*Split] * 12, np.int8)
    places = np.arange(len(splits))
    labels, groups = places % 2, places // 3  # two images of some patients

    class Store:
        classes = ("a", "b")
        trained = np.isin(splits, [Split.TRAIN, Split.INCLUDED])

        def images_of(self, *wanted, size):
            some = np.isin(splits, wanted)
            pixels = np.broadcast_to(places[some, None, None], (some.sum(), size, size))
            return SimpleNamespace(
                pixels=pixels.astype(np.uint8), labels=labels[some], groups=groups[some]
            )

    Store.splits = splits
    aside = np.zeros(Store.trained.sum(), bool)
    aside[:4] = True
    spec = SimpleNamespace(store=Store(), set_aside=aside, request=SimpleNamespace(image_size=64))
    shown = np.concatenate([each[:, 0, 0] for each in training_images(spec)])
    kept_aside = np.flatnonzero(Store.trained)[:4]
    assert len(shown) > 4
    assert (splits[shown] == Split.TRAIN).all()
    assert not np.isin(shown, kept_aside).any()
    assert len(np.unique(groups[shown])) == len(shown)
