"""Made-up requests and model cards for tests; each takes the fields a test cares about."""

from dataclasses import replace
from typing import Any

from service.domain.model_card import (
    ComposedRuns,
    CrossCheck,
    Memorisation,
    ModelCard,
    NoisySum,
    PrivacyAccount,
    WhiteBoxAudit,
)
from service.domain.requests import (
    DatasetSource,
    GenerateRequest,
    IngestRequest,
    PhantomSpec,
    TrainingBudget,
    TrainRequest,
)

PHANTOM = PhantomSpec({"normal": 72, "effusion": 48}, 64, 0)


def ingest_request(**changes: Any) -> IngestRequest:
    source = DatasetSource(phantom=PHANTOM)
    request = IngestRequest("ds_1", "images", source, image_size=64, fit="pad", bit_depth=None)
    return replace(request, **changes)


def train_request(**changes: Any) -> TrainRequest:
    request = TrainRequest(
        dataset_id="ds_1",
        family="vae",
        image_size=64,
        preset="tiny",
        config={"width": 8},
        budget=TrainingBudget(images=128),
        seed=1,
    )
    return replace(request, **changes)


def generate_request(**changes: Any) -> GenerateRequest:
    request = GenerateRequest(
        model_id="mdl_1",
        dataset_id="ds_1",
        class_counts={"normal": 1, "effusion": 2},
        seed=1,
        sampler={"name": "heun", "num_steps": 20},
        synthetic_set_id="syn_1",
    )
    return replace(request, **changes)


def model_card(**changes: Any) -> ModelCard:
    card = ModelCard(
        budget=TrainingBudget(images=128),
        seed=1,
        weights_sha256="b" * 64,
        num_parameters=1000,
        dataset_version="e" * 64,
        device="cpu",
        num_devices=1,
        versions={"synthcxr": "0"},
        diagnosis=(),
        memorisation=Memorisation(not_measured="Not measured."),
        learning_curve=(),
    )
    return replace(card, **changes)


def white_box_audit(**changes: Any) -> WhiteBoxAudit:
    audit = WhiteBoxAudit(
        statistic=0.51,
        p_value=0.4,
        text="What the audit found.",
        passed=True,
        min_detectable_share=0.0141,
        scores=("elbo",),
    )
    return replace(audit, **changes)


def privacy_account(**changes: Any) -> PrivacyAccount:
    account = PrivacyAccount(
        label="certified-dp(3, 1e-05, patient)",
        epsilon=3.0,
        delta=1e-5,
        unit="patient",
        neighbours="one patient's image is replaced by none",
        public=("classes",),
        num_patients=10_000,
        method="mixture",
        max_grad_norm=1.0,
        sigma=1.5,
        sample_rate=1.0,
        steps=2,
        releases=(NoisySum("moments", 1.5, 10),),
        accountant="Gaussian differential privacy, exact",
        cross_check=CrossCheck("Renyi differential privacy, upper bound", 3.1),
        runs=ComposedRuns(1, 3.0, 1e-5, "mu^2 of all runs added up"),
        mu=0.66,
    )
    return replace(account, **changes)
