"""What a training says of its model: figures, the membership audit, the privacy account."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from service.domain.requests import PublicData, TrainingBudget


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One fault of a finished training.

    Attributes:
        code: Stable name, explained in docs/diagnosis.md.
        what: What was measured, and what was expected.
        fix: What to change before training again.
    """

    code: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class WhiteBoxAudit:
    """A membership inference attack on the weights, by the scores of each fitted part.

    Attributes:
        statistic: Area under the attack's ROC curve; 0.5 is guessing.
        p_value: Of the exact test that membership cannot be inferred.
        text: The result in a sentence.
        passed: Whether it was negative with enough power.
        min_detectable_share: The smallest share of memorised patients that it detects.
        scores: The parts of the model whose scores were tested.
    """

    statistic: float | None
    p_value: float | None
    text: str
    passed: bool
    min_detectable_share: float
    scores: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemorisationCheck:
    """What a check during the training found, as `Memorisation`."""

    images_seen: int
    standard_errors: float


@dataclass(frozen=True, slots=True)
class Memorisation:
    """How much better a model scores training images than held-out ones.

    Attributes:
        standard_errors: The difference, in standard errors; None where it was not measured.
        threshold: Above it the model memorises.
        checks: The same during the training, oldest first.
        not_measured: Why there are no figures.
    """

    standard_errors: float | None = None
    threshold: float | None = None
    checks: tuple[MemorisationCheck, ...] = ()
    not_measured: str | None = None


@dataclass(frozen=True, slots=True)
class NoisySum:
    """One sum over patients, released with Gaussian noise.

    Attributes:
        name: What was summed.
        sigma: Noise standard deviation, in units of one patient's bound.
        num_values: How many numbers.
    """

    name: str
    sigma: float
    num_values: int


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """The same privacy loss by another accountant."""

    accountant: str
    epsilon: float


@dataclass(frozen=True, slots=True)
class ComposedRuns:
    """All private trainings on the same dataset version, together.

    Attributes:
        count: How many.
        epsilon: What they come to.
        delta: At this delta.
        composition: How they were composed.
    """

    count: int
    epsilon: float
    delta: float
    composition: str


@dataclass(frozen=True, slots=True)
class PrivacyAccount:
    """The privacy budget of a training, and how it was kept.

    Attributes:
        label: Such as `certified-dp(3, 1e-05, patient)`.
        epsilon: Promised privacy loss.
        delta: Probability with which it may be larger.
        unit: Whose data the promise is about.
        neighbours: Which datasets count as neighbours.
        public: Facts of the dataset that the promise does not cover.
        num_patients: One image each.
        method: By which it was kept.
        max_grad_norm: Clipping bound asked for.
        sigma: Noise multiplier.
        sample_rate: Share of the patients in each sum.
        steps: Number of sums.
        releases: The sums.
        accountant: By which the loss was computed.
        cross_check: By another one.
        runs: All trainings on the same patients.
        mu: Of Gaussian differential privacy, where every sum was over all patients.
    """

    label: str
    epsilon: float
    delta: float
    unit: str
    neighbours: str
    public: tuple[str, ...]
    num_patients: int
    method: str
    max_grad_norm: float
    sigma: float
    sample_rate: float
    steps: int
    releases: tuple[NoisySum, ...]
    accountant: str
    cross_check: CrossCheck
    runs: ComposedRuns
    mu: float | None = None


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What a training started from, and what of it fitted.

    Attributes:
        init_from: The model, or the base.
        weights_sha256: Of the weights' file.
        public_data: What these weights had learned from, where all of it was public; empty where
            anything was private.
        whole: Layers that were taken over as they were.
        by_class: Tables of which the rows of known classes were taken over.
        classes: The labels of these.
        fresh: Layers that began as new ones.
        share: Part of the model's weights that was taken over, in [0, 1].
    """

    init_from: str
    weights_sha256: str
    public_data: tuple[PublicData, ...]
    whole: tuple[str, ...]
    by_class: tuple[str, ...]
    classes: tuple[str, ...]
    fresh: tuple[str, ...]
    share: float

    @property
    def private_model(self) -> str | None:
        """The model that it started from, unless all that this one had learned from is public."""
        return (
            self.init_from if self.init_from.startswith("mdl_") and not self.public_data else None
        )


@dataclass(frozen=True, slots=True)
class TrainingEnd:
    """Where a training stopped, and why.

    Attributes:
        reason: Its budget was spent; it had seen as many images as it may before it is expected to
            memorise them; or a check found that it had begun to.
        text: The same in a sentence.
        memorisation_images: After how many images memorisation is expected; None where that sets
            no bound.
        standard_errors: Of each check but the first: by how many members scored above training
            patients that were set aside.
    """

    reason: Literal["budget", "memorisation_expected", "memorisation_found"]
    text: str
    memorisation_images: int | None = None
    standard_errors: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Figures of a training for whoever uses its model.

    Attributes:
        budget: How long it was asked to train.
        seed: Of the weights and updates.
        weights_sha256: Of the weights' file.
        num_parameters: Of the whole model.
        dataset_version: Keyed hash of what it was trained on.
        device: The kind of device, cpu or cuda.
        num_devices: Processes that took part.
        versions: Of the packages that decide the result.
        diagnosis: What went wrong.
        memorisation: Whether it memorises.
        learning_curve: Losses along the way, `{phase, images_seen, <loss>: value, ...}`.
        num_training_images: Images trained on; None to callers who may not know the split.
        dataset_fingerprint: Of what it was trained on; None likewise.
        white_box: The membership audit; None where too few patients were held out, or where
            differential privacy takes its place.
        differential_privacy: None where nothing was promised.
        warm_start: None where the weights began at random.
        ending: Where its training stopped, and why; None for models of earlier versions.
    """

    budget: TrainingBudget
    seed: int
    weights_sha256: str
    num_parameters: int
    dataset_version: str
    device: str
    num_devices: int
    versions: Mapping[str, str]
    diagnosis: tuple[Diagnosis, ...]
    memorisation: Memorisation
    learning_curve: tuple[Mapping[str, Any], ...]
    num_training_images: int | None = None
    dataset_fingerprint: str | None = None
    white_box: WhiteBoxAudit | None = None
    differential_privacy: PrivacyAccount | None = None
    warm_start: WarmStart | None = None
    ending: TrainingEnd | None = None
