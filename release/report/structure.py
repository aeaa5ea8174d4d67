"""What a report says: the JSON `synthcxr-report/1` as frozen types.

Every document of a set is drawn from this and from nothing else, so no number in them was typed by
hand. What could not be measured is None, never a made-up value. The gate fills `gate`, fidelity and
utility their own parts; a part that was not reached (a refused set is not measured further) is
None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

FORMAT: Literal["synthcxr-report/1"] = "synthcxr-report/1"


class Part(BaseModel):
    """A frozen part of the report; unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, from_attributes=True
    )


class Interval(Part):
    """A measured value and its 95 % interval; None where a number is not finite."""

    value: float | None
    low: float | None
    high: float | None


Measured = Interval | float | None


class SetSummary(Part):
    """The synthetic set.

    Attributes:
        id: Derived from the request.
        class_counts: Films of each class in the set; none where it was refused.
        unlabelled_counts: Films of no class in the set, by origin ("mixture", "interpolation").
        generated: Films drawn in all rounds.
        rejected: Films dropped by the gate, in all rounds.
        released: Films in the set; 0 where it was refused.
    """

    id: str
    class_counts: Mapping[str, int]
    unlabelled_counts: Mapping[str, int] = Field(default_factory=dict)
    generated: int = Field(ge=0)
    rejected: int = Field(ge=0)
    released: int = Field(ge=0)


class Guarantee(Part):
    """Differential privacy the model was trained with, (epsilon, delta) for a whole patient."""

    epsilon: float = Field(gt=0)
    delta: float = Field(gt=0, lt=1)
    unit: Literal["patient"] = "patient"


class ModelSummary(Part):
    """The model the films were drawn from; dp is None where no guarantee is claimed."""

    id: str
    family: str
    image_size: int
    config_sha256: str
    snapshot_sha256: str
    dp: Guarantee | None = None


class ClassFilms(Part):
    """How many real films a class has, rounded so that no single patient shows."""

    films: int


class DatasetSummary(Part):
    """The real films, told coarsely.

    Attributes:
        version: Keyed hash of the dataset version.
        classes: Rounded counts.
        patient_ids: Whether patients were named. Unless a dataset says so it is taken not to
            name them, and every document warns that each film was counted as a patient.
    """

    version: str
    classes: Mapping[str, ClassFilms]
    patient_ids: bool = False


Outcome = Literal["passed", "passed_filtered", "refused", "inconclusive"]


class VerdictSummary(Part):
    """The gate's verdict; text is its name, as `refused(memorises)` or `passed_filtered(3)`."""

    outcome: Outcome
    code: str | None = None
    text: str
    reasons: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


class Power(Part):
    """What the tests could have seen.

    Attributes:
        num_held_out: Films the models never learned from, m.
        num_patients: Their patients.
        mdcr: Smallest share of copies the tests would find, in [0, 1].
        max_mdcr: The largest that the policy accepts.
        by_class: The same share for each class alone.
    """

    num_held_out: int
    num_patients: int
    mdcr: float | None
    max_mdcr: float
    by_class: Mapping[str, float | None] = Field(default_factory=dict)


class FindingSummary(Part):
    """One test of the gate; p_value is rounded up, and None for tests that have none."""

    id: str
    name: str
    decision: Literal["passed", "refused", "inconclusive", "reported"]
    statistic: float | None = None
    threshold: float | None = None
    p_value: float | None = Field(None, ge=0, le=1)
    text: str


class Control(Part):
    """Planted near-duplicates of one kind, and how many of them the detector found."""

    name: str
    planted: int
    found: int
    recall: Interval
    required: bool


class Curve(Part):
    """A receiver operating characteristic with a pointwise band for its true positive rate."""

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Membership(Part):
    """How well an attack told the films the model learned from apart from held-out ones."""

    auc: Interval
    tpr_at_1_percent_fpr: Interval
    roc: Curve


class Histograms(Part):
    """Films counted by how near the training films are, in units of the held-out density.

    Attributes:
        edges: Bounds of the bins, one more than there are bins; the last bin takes all beyond.
        real_to_real: Held-out films in each bin.
        synthetic_to_real: Synthetic films in each bin.
    """

    edges: tuple[float, ...]
    real_to_real: tuple[float, ...]
    synthetic_to_real: tuple[float, ...]


class MetricSummary(Part):
    """A measure of likeness that the gate used, and the SHA-256 of its code and weights."""

    name: str
    digest: str


class GateSummary(Part):
    """What the privacy gate tested and found; a part it did not reach is None or empty.

    Attributes:
        epsilon_lower_bound: What the one-run audit shows at least, None where it was not run.
    """

    version: str
    policy: Mapping[str, JsonValue]
    policy_sha256: str
    power: Power
    findings: tuple[FindingSummary, ...]
    controls: tuple[Control, ...] = ()
    membership: Membership | None = None
    histograms: Histograms | None = None
    metrics: tuple[MetricSummary, ...] = ()
    epsilon_lower_bound: float | None = None


class Extractor(Part):
    """The network whose features the films are compared in."""

    name: str
    sha256: str


class FidelityRow(Part):
    """How near the films of a class (or "all") come to real ones.

    A floor is the same measure of unseen real films: what a perfect model would score.
    num_compared is how many films of either kind all but KID and agreement were measured on.
    """

    label: str
    num_films: int
    num_compared: int | None = None
    kid: Measured = None
    kid_floor: Measured = None
    fd: Measured = None
    fd_floor: Measured = None
    precision: Measured = None
    precision_floor: Measured = None
    recall: Measured = None
    recall_floor: Measured = None
    density: Measured = None
    density_floor: Measured = None
    coverage: Measured = None
    coverage_floor: Measured = None
    ms_ssim: Measured = None
    ms_ssim_floor: Measured = None
    agreement: Measured = None


class FidelitySummary(Part):
    """How real the films look to a network."""

    extractor: Extractor
    rows: tuple[FidelityRow, ...]


class Arm(Part):
    """A classifier trained on one mix of films and tested on real films nobody has seen."""

    name: str
    trained_on: str
    num_films: int
    auroc: Measured
    auprc: Measured = None
    f1: Measured = None
    sensitivity: Measured = None
    specificity: Measured = None
    calibration_error: Measured = None
    by_class: Mapping[str, Mapping[str, Measured]] = Field(default_factory=dict)
    by_subgroup: Mapping[str, Measured] = Field(default_factory=dict)


class Gain(Part):
    """How much better one arm does than another, paired; it helps where the interval is above 0."""

    arm: str
    over: str
    auroc: Interval
    over_seeds: Interval | None = None
    helps: bool


class LearningPoint(Part):
    """What a classifier reaches that learned from so many real films."""

    num_films: int
    auroc: Measured


class UtilitySummary(Part):
    """What the films are good for.

    Attributes:
        num_seeds: Trainings of each arm.
        measure: What the arms were compared by.
        arms: The mixes of films.
        equivalent_real_films: How many real films give the same; None where it cannot be said.
        equivalent_bound: Says that the number is only a bound, as the learning curve ends there.
        gains: Paired comparisons of arms.
        rebalancing_helps: Whether adding films to rare classes was shown to help.
        learning_curve: The curve that the equivalent number was read from.
        images_to_see: How long each classifier was trained.
    """

    num_seeds: int
    measure: str
    arms: tuple[Arm, ...]
    equivalent_real_films: Interval | None = None
    equivalent_bound: Literal["at_most", "at_least"] | None = None
    gains: tuple[Gain, ...] = ()
    rebalancing_helps: bool | None = None
    learning_curve: tuple[LearningPoint, ...] = ()
    images_to_see: int | None = None


class Report(Part):
    """All that is known of a set, as `report.json` holds it."""

    format: Literal["synthcxr-report/1"] = FORMAT
    set: SetSummary
    model: ModelSummary
    dataset: DatasetSummary
    verdict: VerdictSummary
    gate: GateSummary
    fidelity: FidelitySummary | None = None
    utility: UtilitySummary | None = None
    limits: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read a report.

        Raises:
            ValueError: A field is missing, unknown or out of its range.
        """
        return cls.model_validate_json(data)

    def to_json(self) -> bytes:
        """Write the report in its one form."""
        return canonical_json(self.model_dump(mode="json"))


def canonical_json(values: JsonValue | Mapping[str, JsonValue]) -> bytes:
    """Write JSON values with sorted keys, so that equal values are equal bytes."""
    text = json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"
