"""Learning with differential privacy, and the account of it in the model's card."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from models.family import Family
from models.films import Films
from models.privacy.gaussian import composed, epsilon_by_renyi, epsilon_of, mu_for
from models.privacy.mechanism import GaussianMechanism
from models.privacy.patients import Patients
from service.domain.ports import Records

PUBLIC_FACTS = ["classes", "num_patients", "folds", "groups"]


def learn_privately(
    model: Family[Any, Any],
    public: Films,
    patients: Patients,
    terms: Mapping[str, Any],
    earlier: Sequence[float],
    check: Callable[[], None],
) -> dict[str, Any]:
    """Let a model learn from patients within the terms; returns the account.

    Args:
        model: Trained on public films.
        public: These films.
        patients: One film of each.
        terms: epsilon, delta or None, max_grad_norm and method, as the request has them.
        earlier: mu of every private training on the same dataset version before this one.
        check: Called now and then; raises to give up.
    """
    delta = terms["delta"] or 1 / (10 * len(patients))
    mechanism = GaussianMechanism(mu_for(terms["epsilon"], delta))
    for _ in model.learn_privately(public, patients, mechanism, terms["max_grad_norm"]):
        check()
    return account(mechanism, terms, delta, len(patients), earlier)


def account(
    mechanism: GaussianMechanism,
    terms: Mapping[str, Any],
    delta: float,
    num_patients: int,
    earlier: Sequence[float],
) -> dict[str, Any]:
    """Write down what was promised, how it was kept, and what all runs come to together."""
    spent = math.hypot(*(1 / release.sigma for release in mechanism.releases))
    together = composed([*earlier, spent])
    epsilon = terms["epsilon"]
    return {
        "label": f"certified-dp({epsilon:g}, {delta:g}, patient)",
        "epsilon": epsilon,
        "delta": delta,
        "mu": spent,
        "sigma": 1 / spent,
        "unit": "patient",
        "neighbours": "one patient's film is replaced by none, their number staying the same",
        "public": PUBLIC_FACTS,
        "num_patients": num_patients,
        "method": terms["method"],
        "max_grad_norm": terms["max_grad_norm"],
        "sample_rate": 1.0,
        "steps": len(mechanism.releases),
        "releases": [
            {"name": each.name, "sigma": each.sigma, "num_values": each.num_values}
            for each in mechanism.releases
        ],
        "accountant": "Gaussian differential privacy, exact",
        "cross_check": {
            "accountant": "Renyi differential privacy, upper bound",
            "epsilon": epsilon_by_renyi(spent, delta),
        },
        "runs": {
            "count": len(earlier) + 1,
            "epsilon": max(epsilon, epsilon_of(together, delta)),
            "delta": delta,
            "composition": "mu^2 of all runs added up",
        },
    }


def earlier_runs(records: Records, dataset_version: str) -> Iterator[float]:
    """Find mu of every model that was trained privately on a dataset version."""
    cursor = None
    while True:
        page = records.models(cursor=cursor)
        for model in page.items:
            told = model.card.get("differential_privacy")
            if told and model.card.get("dataset_version") == dataset_version:
                yield told["mu"]
        cursor = page.next_cursor
        if cursor is None:
            return
