"""The account of a private training in its model's card, and of all on the same images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from models.privacy import accounting
from models.privacy.accounting import Spending, checked_epsilon
from models.privacy.gaussian import composed, epsilon_by_renyi, epsilon_of
from models.privacy.mechanisms import GaussianMechanism, Release, SampledSums
from service.domain.ports import Records

PUBLIC_FACTS = ["classes", "num_patients", "folds", "groups"]


def privacy_account(
    how: Mapping[str, Any], terms: Mapping[str, Any], num_patients: int, earlier: Sequence[Spending]
) -> dict[str, Any]:
    """Describe a privacy guarantee, how it was kept, and the budget of all runs together.

    Args:
        how: What `of_noisy_sums` or `of_noisy_gradients` returns.
        terms: epsilon, delta, max_grad_norm and method.
        num_patients: One image each.
        earlier: What the runs before this one spent.
    """
    epsilon, delta = terms["epsilon"], terms["delta"]
    together, composition = _together([*earlier, spending_of(how)], delta)
    return {
        "label": f"certified-dp({epsilon:g}, {delta:g}, patient)",
        "epsilon": epsilon,
        "delta": delta,
        "unit": "patient",
        "neighbours": "one patient's image is replaced by none, their number staying the same",
        "public": PUBLIC_FACTS,
        "num_patients": num_patients,
        "method": terms["method"],
        "max_grad_norm": terms["max_grad_norm"],
        **how,
        "runs": {
            "count": len(earlier) + 1,
            "epsilon": max(epsilon, together),
            "delta": delta,
            "composition": composition,
        },
    }


def of_noisy_sums(mechanism: GaussianMechanism, delta: float) -> dict[str, Any]:
    """Describe how several sums over all patients keep the guarantee."""
    spent = math.hypot(*(1 / release.sigma for release in mechanism.releases))
    return {
        "mu": spent,
        "sigma": 1 / spent,
        "sample_rate": 1.0,
        "steps": len(mechanism.releases),
        "releases": [_told(each) for each in mechanism.releases],
        "accountant": "Gaussian differential privacy, exact",
        "cross_check": {
            "accountant": "Renyi differential privacy, upper bound",
            "epsilon": epsilon_by_renyi(spent, delta),
        },
    }


def of_noisy_gradients(sums: SampledSums, delta: float) -> dict[str, Any]:
    """Describe how many sums over sampled patients keep the guarantee.

    Raises:
        AccountantsDisagree: They do not.
    """
    checked_epsilon([sums.spending], delta)
    by = f"Opacus {version('opacus')}"
    return {
        **sums.spending._asdict(),
        "releases": [_told(sums.release)],
        "accountant": f"privacy loss random variables, {by}",
        "cross_check": {
            "accountant": f"Renyi differential privacy, upper bound, {by}",
            "epsilon": accounting.epsilon_by_renyi([sums.spending], delta),
        },
    }


def earlier_runs(records: Records, dataset_version: str) -> Iterator[Spending]:
    """Find what every model spent that was trained privately on a dataset version."""
    cursor = None
    while True:
        page = records.models(cursor=cursor)
        for model in page.items:
            account = model.card.get("differential_privacy")
            if account and model.card.get("dataset_version") == dataset_version:
                yield spending_of(account)
        cursor = page.next_cursor
        if cursor is None:
            return


def spending_of(account: Mapping[str, Any]) -> Spending:
    """Read what a run spent from its account; several sums over all patients count as one."""
    if "mu" in account:
        return Spending(1 / account["mu"], 1.0, 1)
    return Spending(account["sigma"], account["sample_rate"], account["steps"])


def _together(spendings: Sequence[Spending], delta: float) -> tuple[float, str]:
    """Return the epsilon of all runs at the same delta, and how it was found."""
    if all(each.sample_rate == 1 for each in spendings):
        mu = composed(math.sqrt(each.steps) / each.sigma for each in spendings)
        return epsilon_of(mu, delta), "mu^2 of all runs added up"
    return checked_epsilon(spendings, delta), "privacy losses of all runs composed"


def _told(release: Release) -> dict[str, Any]:
    return {"name": release.name, "sigma": release.sigma, "num_values": release.num_values}
