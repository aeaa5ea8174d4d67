"""A model that learned from public images learns from private ones, through a mechanism alone."""

import math

import numpy as np
import pytest
import torch

from models.config import Circumstances
from models.families.vae.config import Sampler
from models.families.vae.model import VariationalAutoencoder
from models.family import ImageSpec
from models.presets import resolve_config
from models.privacy.noisy_sums import GaussianMechanism
from models.privacy.patients import Patients
from models.seeding import ImageNoise
from models.snapshot import load_snapshot, save_snapshot
from models.training_images import TrainingImages

CLASSES = 2
LEARNED = {"aggregate.fitted", "aggregate.means", "aggregate.factors"}


def build(**changes):
    torch.manual_seed(0)
    config = resolve_config("vae", "tiny", changes, Circumstances(64, private=True))
    return VariationalAutoencoder(config, ImageSpec(64, CLASSES)).eval()


def silent(mu=1e9):
    return GaussianMechanism(mu, lambda num_values: torch.zeros(num_values, dtype=torch.float64))


@pytest.fixture
def public():
    rng = np.random.default_rng(0)
    return TrainingImages(rng.integers(0, 256, (40, 64, 64), np.uint8), np.arange(40) % CLASSES)


@pytest.fixture
def patients():
    """The first class is dark, the second bright."""
    rng = np.random.default_rng(1)
    labels = np.arange(60) % CLASSES
    images = rng.integers(0, 128, (60, 64, 64)) + 127 * labels[:, None, None]
    return Patients(images.astype(np.uint8), labels, np.arange(60))


def prepared(public, **changes):
    model = build(**changes)
    for _ in model.principal.fit(public):
        pass
    return model


@pytest.mark.parametrize("size", [0, 16])
def test_nothing_changes_but_what_the_mechanism_released(public, patients, size):
    model = prepared(public, remainder_size=size)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    mechanism = silent(1.0)
    for _ in model.learn_privately(public, patients, mechanism, 1.0):
        pass
    after = model.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed <= LEARNED | {"remainder"}
    assert "aggregate.means" in changed
    names = [each.name for each in mechanism.releases]
    assert names == ["center", "moments", *(["remainder"] if size else [])]
    assert math.hypot(*(1 / each.sigma for each in mechanism.releases)) == pytest.approx(1.0)


def test_images_of_a_class_have_that_class_s_brightness(public, patients):
    """The decoder knows noise alone: what is bright comes from the remainder."""
    model = prepared(public)
    for _ in model.learn_privately(public, patients, silent(), 1.0):
        pass
    with torch.no_grad():
        dark, bright = model.sample(torch.eye(CLASSES), ImageNoise([1, 2]), Sampler(grain=0.0))
    assert float(bright.mean() - dark.mean()) > 0.5


def test_a_model_that_promises_nothing_keeps_no_remainder():
    config = resolve_config("vae", "tiny", {}, Circumstances(64))
    assert "remainder" not in VariationalAutoencoder(config, ImageSpec(64, CLASSES)).state_dict()


def test_a_kept_model_draws_what_the_trained_one_did(public, patients, tmp_path):
    model = prepared(public)
    for _ in model.learn_privately(public, patients, silent(3.0), 1.0):
        pass
    save_snapshot(tmp_path, "vae", ["dark", "bright"], model)
    loaded = load_snapshot(tmp_path).model
    drawn = [
        each.sample(torch.eye(CLASSES), ImageNoise([1, 2]), Sampler()).detach()
        for each in (model, loaded)
    ]
    assert torch.equal(*drawn)
