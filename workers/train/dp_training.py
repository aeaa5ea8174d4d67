"""Differentially private training: by noisy sums over all patients, or by DP-SGD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.family import Family
from models.privacy.accounting import PrivacyCost, gaussian_mu, sigma_for
from models.privacy.noisy_sums import GaussianMechanism, PoissonGaussianMechanism
from models.privacy.patients import Patients
from models.training.dp_sgd import dp_sgd
from models.training_images import TrainingImages
from release.cancellation import check_cancelled
from service.domain.model_card import PrivacyAccount
from service.domain.requests import PrivacyTerms
from workers.train.dp_ledger import Spent, account, of_noisy_gradients, of_noisy_sums


def train_with_dp(
    model: Family[Any, Any],
    public: TrainingImages,
    patients: Patients,
    terms: PrivacyTerms,
    earlier: Sequence[PrivacyCost],
) -> PrivacyAccount:
    """Train a model on patients within a privacy budget; returns the account for its card.

    Args:
        model: Trained on public images.
        public: These images.
        patients: One image of each.
        terms: What was asked for.
        earlier: What every private training on the same dataset version before this one spent.

    Raises:
        AccountantsDisagree: Two accountants differ in what the noise costs.
    """
    delta = terms.delta or 1 / (10 * len(patients))
    method = {"mixture": _by_noisy_sums, "dp_sgd": _by_dp_sgd}[terms.method]
    spent = method(model, public, patients, terms, delta)
    return account(spent, terms, delta, len(patients), earlier)


def _by_noisy_sums(
    model: Family[Any, Any],
    public: TrainingImages,
    patients: Patients,
    terms: PrivacyTerms,
    delta: float,
) -> Spent:
    """Fit the model's density to a few noisy sums over all patients."""
    mechanism = GaussianMechanism(gaussian_mu(terms.epsilon, delta))
    for _ in model.learn_privately(public, patients, mechanism, terms.max_grad_norm):
        check_cancelled()
    return of_noisy_sums(mechanism, delta)


def _by_dp_sgd(
    model: Family[Any, Any],
    public: TrainingImages,
    patients: Patients,
    terms: PrivacyTerms,
    delta: float,
) -> Spent:
    """Train on noisy gradients of sampled patients; the noise is fixed before the first update."""
    stage = model.private_stage()
    rate, steps = min(1.0, stage.batch_size / len(patients)), stage.num_updates
    sigma = sigma_for(terms.epsilon, delta, rate, steps)
    sums = PoissonGaussianMechanism(
        PrivacyCost(sigma, rate, steps), len(patients), stage.num_values
    )
    spent = of_noisy_gradients(sums, delta)  # before anything is spent
    for _ in dp_sgd(stage, public, patients, sums, terms.max_grad_norm):
        check_cancelled()
    return spent
