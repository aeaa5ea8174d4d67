import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.privacy.accounting import PrivacyCost, epsilon_by_prv, gaussian_epsilon, gaussian_mu
from models.privacy.noisy_sums import GaussianMechanism, PoissonGaussianMechanism
from release.cancellation import cancellable
from service.domain.model_card import NoisySum
from service.domain.requests import PrivacyTerms
from tests.sample_records import model_card, privacy_account
from workers.train import public_images
from workers.train.dp_ledger import (
    account,
    cost_of,
    earlier_runs,
    of_noisy_gradients,
    of_noisy_sums,
)

DELTA = 1e-5
TERMS = PrivacyTerms(2.0, DELTA, 1.0, "mixture")
SAMPLED = PrivacyCost(1.5, 0.05, 400)


def by_sums():
    mechanism = GaussianMechanism(gaussian_mu(2.0, DELTA))
    mechanism.noisy_sum("all", [torch.zeros(3, 2)], 1.0)
    return of_noisy_sums(mechanism, DELTA)


def by_gradients():
    return of_noisy_gradients(PoissonGaussianMechanism(SAMPLED, 10_000, 7), DELTA)


def test_the_account_of_one_run_is_what_was_asked_for():
    reported = account(by_sums(), TERMS, DELTA, num_patients=10_000, earlier=[])
    assert (reported.epsilon, reported.delta, reported.unit) == (2.0, DELTA, "patient")
    assert reported.label == "certified-dp(2, 1e-05, patient)"
    assert (reported.sample_rate, reported.steps) == (1.0, 1)
    assert reported.mu == pytest.approx(1 / reported.sigma)
    assert reported.runs.count == 1
    assert reported.runs.epsilon == pytest.approx(2.0)


def test_runs_of_noisy_sums_add_up_by_their_squares():
    earlier = [cost_of(by_sums())] * 3
    reported = account(by_sums(), TERMS, DELTA, num_patients=10_000, earlier=earlier)
    assert reported.runs.count == 4
    assert reported.runs.epsilon == pytest.approx(
        gaussian_epsilon(2 * gaussian_mu(2.0, DELTA), DELTA)
    )
    assert reported.epsilon == 2.0


def test_the_account_of_noisy_gradients_holds_all_it_takes_to_check_it():
    reported = account(
        by_gradients(), replace(TERMS, epsilon=4.0), DELTA, num_patients=10_000, earlier=[]
    )
    assert cost_of(reported) == SAMPLED
    assert reported.releases == (NoisySum("gradient", 1.5, 7),)
    assert reported.accountant.startswith("privacy loss random variables, Opacus 1.")
    exact = epsilon_by_prv([SAMPLED], DELTA)
    assert exact < reported.cross_check.epsilon < 4.0
    assert reported.runs.epsilon == 4.0


def test_runs_of_both_kinds_are_composed():
    earlier = [cost_of(by_sums())]
    reported = account(
        by_gradients(), replace(TERMS, epsilon=3.5), DELTA, num_patients=10_000, earlier=earlier
    )
    assert reported.runs.count == 2
    assert 3.5 < reported.runs.epsilon < 5.5


def model(version, mu=None):
    account = privacy_account(mu=mu) if mu else None
    return SimpleNamespace(card=model_card(dataset_version=version, differential_privacy=account))


def test_runs_are_counted_of_these_images_alone():
    known = {"a": [model("a", 0.1), model("a", 0.25)], "b": [model("b", 0.2)]}
    catalog = SimpleNamespace(private_models=known.get)
    assert earlier_runs(catalog, "a") == [PrivacyCost(10.0, 1.0, 1), PrivacyCost(4.0, 1.0, 1)]


def test_public_images_are_the_same_each_time_and_their_labels_say_nothing(monkeypatch):
    monkeypatch.setattr(public_images, "NUM_IMAGES", 120)
    checked = []
    with cancellable(lambda: checked.append(1)):
        first, again = (public_images.public_images(32, 3, torch.device("cpu")) for _ in range(2))
    everything = torch.arange(120)
    assert torch.equal(first.read(everything), again.read(everything))
    assert torch.equal(first.labels, again.labels)
    assert len(checked) == 240
    findings = np.arange(120) % 4
    shares = [
        np.bincount(findings[first.labels.numpy() == label], minlength=4) for label in range(3)
    ]
    assert np.sum(shares) == 120
    assert np.min(shares) >= 3  # of 10 expected
    assert math.isclose(float(first.labels.float().mean()), 1.0)
