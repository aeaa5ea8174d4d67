"""Learning with differential privacy, each method through its own door."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.family import Family
from models.privacy.accounting import Spending, sigma_for
from models.privacy.gaussian import mu_for
from models.privacy.mechanisms import GaussianMechanism, SampledSums
from models.privacy.patients import Patients
from models.training.dp_sgd import noisy_descent
from models.training_images import TrainingImages
from workers.train.dp_ledger import account, of_noisy_gradients, of_noisy_sums

Check = Callable[[], None]


def learn_privately(
    model: Family[Any, Any],
    public: TrainingImages,
    patients: Patients,
    terms: Mapping[str, Any],
    earlier: Sequence[Spending],
    check: Check,
) -> dict[str, Any]:
    """Let a model learn from patients within the terms; returns the account.

    Args:
        model: Trained on public images.
        public: These images.
        patients: One image of each.
        terms: epsilon, delta or None, max_grad_norm and method, as the request has them.
        earlier: What every private training on the same dataset version before this one spent.
        check: Called now and then; raises to give up.

    Raises:
        AccountantsDisagree: The cost of the noise cannot be told.
    """
    terms = {**terms, "delta": terms["delta"] or 1 / (10 * len(patients))}
    method = {"mixture": _by_noisy_sums, "dp_sgd": _by_noisy_gradients}[terms["method"]]
    told = method(model, public, patients, terms, check)
    return account(told, terms, len(patients), earlier)


def _by_noisy_sums(
    model: Family[Any, Any],
    public: TrainingImages,
    patients: Patients,
    terms: Mapping[str, Any],
    check: Check,
) -> dict[str, Any]:
    """Learn from a few sums over all patients."""
    mechanism = GaussianMechanism(mu_for(terms["epsilon"], terms["delta"]))
    for _ in model.learn_privately(public, patients, mechanism, terms["max_grad_norm"]):
        check()
    return of_noisy_sums(mechanism, terms["delta"])


def _by_noisy_gradients(
    model: Family[Any, Any],
    public: TrainingImages,
    patients: Patients,
    terms: Mapping[str, Any],
    check: Check,
) -> dict[str, Any]:
    """Learn from many sums over patients whom coins choose; the noise is fixed before the first."""
    stage = model.private_stage()
    rate, steps = min(1.0, stage.batch_size / len(patients)), stage.num_updates
    sigma = sigma_for(terms["epsilon"], terms["delta"], rate, steps)
    sums = SampledSums(Spending(sigma, rate, steps), len(patients), stage.num_values)
    told = of_noisy_gradients(sums, terms["delta"])  # before anything is spent
    for _ in noisy_descent(stage, public, patients, sums, terms["max_grad_norm"]):
        check()
    return told
