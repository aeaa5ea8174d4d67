"""The account of a private training in its model's card, and of all on the same images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from models.privacy import accounting
from models.privacy.accounting import (
    PrivacyCost,
    checked_epsilon,
    composed_mu,
    gaussian_epsilon,
    gaussian_epsilon_by_renyi,
)
from models.privacy.noisy_sums import GaussianMechanism, PoissonGaussianMechanism, ReleasedSum
from service.domain.catalog_ports import Catalog
from service.domain.model_card import ComposedRuns, CrossCheck, NoisySum, PrivacyAccount
from service.domain.requests import PrivacyTerms

PUBLIC_FACTS = ("classes", "num_patients", "splits", "groups")


@dataclass(frozen=True)
class Spent:
    """What a run spent: the fields of a `PrivacyAccount` that its mechanism decides."""

    sigma: float
    sample_rate: float
    steps: int
    releases: tuple[NoisySum, ...]
    accountant: str
    cross_check: CrossCheck
    mu: float | None = None


def account(
    spent: Spent,
    terms: PrivacyTerms,
    delta: float,
    num_patients: int,
    earlier: Sequence[PrivacyCost],
) -> PrivacyAccount:
    """Describe a privacy guarantee, how it was kept, and the budget of all runs together.

    Args:
        spent: From `of_noisy_sums` or `of_noisy_gradients`.
        terms: What was asked for.
        delta: Theirs, or the one that stands in for it.
        num_patients: One image each.
        earlier: What the runs before this one spent.
    """
    together, composition = _together([*earlier, cost_of(spent)], delta)
    return PrivacyAccount(
        label=f"certified-dp({terms.epsilon:g}, {delta:g}, patient)",
        epsilon=terms.epsilon,
        delta=delta,
        unit="patient",
        neighbours="one patient's image is replaced by none, their number staying the same",
        public=PUBLIC_FACTS,
        num_patients=num_patients,
        method=terms.method,
        max_grad_norm=terms.max_grad_norm,
        runs=ComposedRuns(len(earlier) + 1, max(terms.epsilon, together), delta, composition),
        **vars(spent),
    )


def of_noisy_sums(mechanism: GaussianMechanism, delta: float) -> Spent:
    """Account for several sums over all patients."""
    mu = math.hypot(*(1 / release.sigma for release in mechanism.releases))
    return Spent(
        sigma=1 / mu,
        sample_rate=1.0,
        steps=len(mechanism.releases),
        releases=tuple(map(_noisy_sum, mechanism.releases)),
        accountant="Gaussian differential privacy, exact",
        cross_check=CrossCheck(
            "Renyi differential privacy, upper bound", gaussian_epsilon_by_renyi(mu, delta)
        ),
        mu=mu,
    )


def of_noisy_gradients(sums: PoissonGaussianMechanism, delta: float) -> Spent:
    """Account for many sums over sampled patients.

    Raises:
        AccountantsDisagree: Two accountants differ in what they cost.
    """
    checked_epsilon([sums.cost], delta)
    by = f"Opacus {version('opacus')}"
    return Spent(
        **sums.cost._asdict(),
        releases=(_noisy_sum(sums.release),),
        accountant=f"privacy loss random variables, {by}",
        cross_check=CrossCheck(
            f"Renyi differential privacy, upper bound, {by}",
            accounting.epsilon_by_renyi([sums.cost], delta),
        ),
    )


def earlier_runs(catalog: Catalog, dataset_version: str) -> list[PrivacyCost]:
    """Return what every model spent that was trained privately on a dataset version."""
    accounts = (
        model.card.differential_privacy for model in catalog.private_models(dataset_version)
    )
    return [cost_of(account) for account in accounts if account]


def cost_of(spent: Spent | PrivacyAccount) -> PrivacyCost:
    """Return what a run spent; several sums over all patients count as one."""
    if spent.mu is not None:
        return PrivacyCost(1 / spent.mu, 1.0, 1)
    return PrivacyCost(spent.sigma, spent.sample_rate, spent.steps)


def _together(costs: Sequence[PrivacyCost], delta: float) -> tuple[float, str]:
    """Return the epsilon of all runs at the same delta, and how it was found."""
    if all(each.sample_rate == 1 for each in costs):
        mu = composed_mu(math.sqrt(each.steps) / each.sigma for each in costs)
        return gaussian_epsilon(mu, delta), "mu^2 of all runs added up"
    return checked_epsilon(costs, delta), "privacy losses of all runs composed"


def _noisy_sum(release: ReleasedSum) -> NoisySum:
    return NoisySum(release.name, release.sigma, release.num_values)
