import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.privacy.gaussian import epsilon_of, mu_for
from models.privacy.mechanism import GaussianMechanism
from service.domain.paging import Page
from workers import public_films
from workers.private_learning import account, earlier_runs

TERMS = {"epsilon": 2.0, "delta": None, "max_grad_norm": 1.0, "method": "mixture"}
DELTA = 1e-5


def spent():
    mechanism = GaussianMechanism(mu_for(2.0, DELTA))
    mechanism.noisy_sum("all", [torch.zeros(3, 2)], 1.0)
    return mechanism


def test_the_account_of_one_run_is_what_was_asked_for():
    told = account(spent(), TERMS, DELTA, num_patients=10_000, earlier=[])
    assert (told["epsilon"], told["delta"], told["unit"]) == (2.0, DELTA, "patient")
    assert told["label"] == "certified-dp(2, 1e-05, patient)"
    assert (told["sample_rate"], told["steps"]) == (1.0, 1)
    assert told["mu"] == pytest.approx(1 / told["sigma"])
    assert told["runs"]["count"] == 1
    assert told["runs"]["epsilon"] == pytest.approx(2.0)


def test_runs_on_the_same_films_add_up_by_their_squares():
    mu = mu_for(2.0, DELTA)
    told = account(spent(), TERMS, DELTA, num_patients=10_000, earlier=[mu, mu, mu])
    assert told["runs"]["count"] == 4
    assert told["runs"]["epsilon"] == pytest.approx(epsilon_of(2 * mu, DELTA))
    assert told["epsilon"] == 2.0


def model(version, mu=None):
    card = {"dataset_version": version} | ({"differential_privacy": {"mu": mu}} if mu else {})
    return SimpleNamespace(card=card)


def test_runs_are_counted_on_every_page_and_of_these_films_alone():
    pages = {
        None: Page([model("a", 0.1), model("b", 0.2)], "next"),
        "next": Page([model("a"), model("a", 0.3)], None),
    }
    records = SimpleNamespace(models=lambda *, cursor: pages[cursor])
    assert list(earlier_runs(records, "a")) == [0.1, 0.3]


def test_public_films_are_the_same_each_time_and_their_labels_say_nothing(monkeypatch):
    monkeypatch.setattr(public_films, "NUM_FILMS", 120)
    checked = []
    first, again = (
        public_films.public_films(32, 3, torch.device("cpu"), lambda: checked.append(1))
        for _ in range(2)
    )
    everything = torch.arange(120)
    assert torch.equal(first.images(everything), again.images(everything))
    assert torch.equal(first.labels, again.labels)
    assert len(checked) == 240
    findings = np.arange(120) % 4
    shares = [
        np.bincount(findings[first.labels.numpy() == label], minlength=4) for label in range(3)
    ]
    assert np.sum(shares) == 120
    assert np.min(shares) >= 3  # of 10 expected
    assert math.isclose(float(first.labels.float().mean()), 1.0)
