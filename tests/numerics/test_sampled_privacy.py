"""The accountants of sampled sums against what is known in closed form, and against each other."""

import math

import pytest

from models.privacy import accounting
from models.privacy.accounting import (
    EPSILON_ERROR,
    AccountantsDisagree,
    PrivacyCost,
    checked_epsilon,
    epsilon_by_prv,
    epsilon_by_renyi,
    gaussian_delta,
    gaussian_epsilon,
    sigma_for,
)

DELTA = 1e-5


def test_one_step_costs_what_the_definition_of_delta_says():
    """Sampling mixes N(0, 1) with N(1 / sigma, 1), so that q of the second test's excess counts.

    max(0, (1 - q) P_0 + q P_1 - e^epsilon P_0) = q max(0, P_1 - e^epsilon_1 P_0)
    with e^epsilon_1 = 1 + (e^epsilon - 1) / q.
    """
    sigma, rate = 0.7, 0.1
    epsilon = epsilon_by_prv([PrivacyCost(sigma, rate, 1)], DELTA)
    inside = math.log1p(math.expm1(epsilon - EPSILON_ERROR) / rate)
    assert rate * gaussian_delta(1 / sigma, inside) == pytest.approx(DELTA, rel=0.1)


@pytest.mark.parametrize(("sigma", "steps"), [(2.0, 1), (20.0, 100)])
def test_where_everybody_takes_part_steps_compose_as_gaussians_do(sigma, steps):
    exact = gaussian_epsilon(math.sqrt(steps) / sigma, DELTA)
    found = epsilon_by_prv([PrivacyCost(sigma, 1.0, steps)], DELTA)
    assert exact <= found <= exact + 2 * EPSILON_ERROR


@pytest.mark.parametrize("cost", [PrivacyCost(1.5, 0.05, 400), PrivacyCost(1.0, 0.01, 1000)])
def test_the_exact_figure_lies_below_renyi_s_bound_and_not_far(cost):
    exact, bound = (find([cost], DELTA) for find in (epsilon_by_prv, epsilon_by_renyi))
    assert 0.8 * bound < exact < bound
    assert checked_epsilon([cost], DELTA) == exact


def test_sampling_fewer_patients_more_noise_and_fewer_steps_each_cost_less():
    cost = epsilon_by_prv([PrivacyCost(1.5, 0.05, 400)], DELTA)
    for cheaper in (
        PrivacyCost(1.5, 0.04, 400),
        PrivacyCost(1.8, 0.05, 400),
        PrivacyCost(1.5, 0.05, 300),
    ):
        assert epsilon_by_prv([cheaper], DELTA) < cost


def test_two_runs_cost_more_than_either_and_less_than_their_sum():
    runs = [PrivacyCost(2.0, 1.0, 1), PrivacyCost(1.5, 0.05, 400)]
    alone = [epsilon_by_prv([run], DELTA) for run in runs]
    assert max(alone) < checked_epsilon(runs, DELTA) < sum(alone)


@pytest.mark.parametrize(("epsilon", "rate", "steps"), [(3.0, 0.05, 200), (10.0, 1.0, 5)])
def test_the_noise_that_is_found_is_enough_and_hardly_more(epsilon, rate, steps):
    sigma = sigma_for(epsilon, DELTA, rate, steps)
    assert epsilon_by_prv([PrivacyCost(sigma, rate, steps)], DELTA) <= epsilon
    assert epsilon_by_prv([PrivacyCost(0.96 * sigma, rate, steps)], DELTA) > epsilon


def test_accountants_that_contradict_each_other_are_not_believed(monkeypatch):
    monkeypatch.setattr(accounting, "epsilon_by_renyi", lambda costs, delta: 1.0)
    with pytest.raises(AccountantsDisagree, match="no promise"):
        checked_epsilon([PrivacyCost(1.5, 0.05, 400)], DELTA)
