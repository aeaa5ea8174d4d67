"""A descent by noisy gradients, of one layer whose gradients are known by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from models.family import PrivateStage
from models.privacy.accounting import PrivacyCost
from models.privacy.noisy_sums import PoissonGaussianMechanism
from models.privacy.patients import Patients
from models.training.dp_sgd import dp_sgd
from models.training_images import TrainingImages

SIZE, CLASSES = 4, 2


def images_of(number):
    grey = np.linspace(0, 255, number).astype(np.uint8)
    return np.tile(grey[:, None, None], (1, SIZE, SIZE)), np.arange(number) % CLASSES


@pytest.fixture
def public():
    return TrainingImages(*images_of(20))


@pytest.fixture
def patients():
    return Patients(*images_of(10), np.arange(10))


def stage_of(network, num_draws=1, num_updates=3):
    """An image's loss is the layer's answer to its mean grey: the bias's gradient is 1."""

    def losses(images, labels):
        means = images.mean((1, 2, 3))[:, None].repeat_interleave(num_draws, 0)
        return network(means)[:, 0]

    return PrivateStage(
        network=network,
        trained=[network[0].bias],
        losses=losses,
        num_draws=num_draws,
        batch_size=5,
        num_updates=num_updates,
        learning_rate=0.1,
    )


class Watched(PoissonGaussianMechanism):
    """Keeps what was summed, and lets it out as it is."""

    def __init__(self, stage, rate, sigma=0.0):
        super().__init__(PrivacyCost(sigma, rate, stage.num_updates), 10, stage.num_values)
        self.released = []

    def noisy_sum(self, vectors_of):
        self.released.append(super().noisy_sum(vectors_of))
        return self.released[-1]


@pytest.fixture
def network():
    return nn.Sequential(nn.Linear(1, 1))


def run(stage, public, patients, sums, clipping=1.0):
    return list(dp_sgd(stage, public, patients, sums, clipping))


@pytest.mark.parametrize("num_draws", [1, 3, 100])
def test_each_patient_adds_the_mean_of_its_draws_in_public_lengths(
    network, public, patients, num_draws
):
    stage = stage_of(network, num_draws)
    sums = Watched(stage, rate=1.0)
    run(stage, public, patients, sums)
    assert [float(each) for each in sums.released] == pytest.approx([10.0] * 3)


def test_half_the_clipping_cuts_every_gradient_to_its_own_length(network, public, patients):
    """Rows are measured in lengths of the clipping, so that none is ever longer than one."""
    stage = stage_of(network)
    sums = Watched(stage, rate=1.0)
    run(stage, public, patients, sums, clipping=0.5)
    assert float(sums.released[0]) == pytest.approx(10.0)


def test_what_does_not_move_stands_still(network, public, patients):
    weight, bias = (each.detach().clone() for each in network[0].parameters())
    stage = stage_of(network)
    fractions = run(stage, public, patients, Watched(stage, rate=0.5))
    assert fractions == pytest.approx([0, 1 / 3, 2 / 3])
    assert torch.equal(network[0].weight, weight)
    assert not torch.equal(network[0].bias, bias)


def test_batches_without_anybody_move_by_noise(network, public, patients):
    bias = network[0].bias.detach().clone()
    stage = stage_of(network)
    run(stage, public, patients, Watched(stage, rate=1e-12, sigma=1.0))
    assert not torch.equal(network[0].bias, bias)


def test_every_step_that_was_accounted_for_is_made_and_no_other(network, public, patients):
    stage = stage_of(network, num_updates=4)
    sums = Watched(stage, rate=0.5)
    run(stage, public, patients, sums)
    assert sums.steps_done == len(sums.released) == 4
