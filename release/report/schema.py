"""What a report says: the JSON `synthcxr-report/1` as frozen types.

Every document of a set is drawn from this and from nothing else, so no number in them was typed by
hand. Fidelity and utility stand in it as they were measured (`release.fidelity.results`,
`release.utility.results`). What could not be measured is None, never a made-up value; so is a part
that was not reached, as a refused set is not measured further.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from release.fidelity.results import Fidelity
from release.stats.estimate import Estimate
from release.utility.results import Utility

FORMAT: Literal["synthcxr-report/1"] = "synthcxr-report/1"


class Part(BaseModel):
    """A frozen part of the report; unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Power(Part):
    """What the tests are sure to see: two claims, about copies and about membership.

    Attributes:
        num_held_out: Held-out images, which no model learned from.
        num_patients: Their patients.
        num_calibrating: Training and held-out patients, whose images say how near honest ones come.
        num_examined: Images of the set that were examined; 0 where nothing could be counted.
        recall: Least share found of a kind of copy that is claimed; 0 where none is.
        mdcr: Minimum detectable copy rate: the share of copies of the claimed kinds by which the
            set is refused 95 times of 100, in [0, 1].
        max_mdcr: The largest that the policy accepts.
        by_class: The same share of the images of each class; 1 where nothing is claimed.
        membership: Share of the training patients on whom an attack must be right to be sure to be
            found, in [0, 1].
        max_membership: The largest that the policy accepts.
    """

    num_held_out: int = Field(ge=0)
    num_patients: int = Field(ge=0)
    num_calibrating: int = Field(ge=0)
    num_examined: int = Field(ge=0)
    recall: float = Field(ge=0, le=1)
    mdcr: float = Field(ge=0, le=1)
    max_mdcr: float = Field(ge=0, le=1)
    by_class: Mapping[str, float] = Field(default_factory=dict)
    membership: float = Field(ge=0, le=1)
    max_membership: float = Field(ge=0, le=1)

    @property
    def claims_copies(self) -> bool:
        """Whether copies as rare as the policy asks for lead to a refusal."""
        return self.mdcr <= self.max_mdcr

    @property
    def claims_membership(self) -> bool:
        """Whether attacks on as few patients as the policy asks for are found."""
        return self.membership <= self.max_membership


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
    """Positive control: copies of one kind that were planted, and how many of them were found.

    Attributes:
        name: The kind.
        planted: How many.
        found: How many of these were flagged.
        recall: The share, with its interval.
        required: Whether a gate that misses them decides nothing.
        claimed: Whether enough were found for the claim about copies to hold for the kind.
    """

    name: str
    planted: int
    found: int
    recall: Estimate
    required: bool
    claimed: bool


class Curve(Part):
    """A receiver operating characteristic with a pointwise band for its true positive rate."""

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Membership(Part):
    """How well an attack distinguished training images from held-out ones."""

    auc: Estimate
    tpr_at_1_percent_fpr: Estimate
    roc: Curve


class Histograms(Part):
    """Images counted by how near the training images are, in units of the held-out density.

    Attributes:
        edges: Bounds of the bins, one more than there are bins; the last bin takes all beyond.
        real_to_real: Held-out images in each bin.
        synthetic_to_real: Synthetic images in each bin.
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


class ExaminationCount(Part):
    """How often a model's sets have been examined: each time is a chance to miss something.

    Attributes:
        number: Which of its model's examined sets this is, from 1; refused ones count.
        at_most: How many of them the service examines.
    """

    number: int = Field(ge=1)
    at_most: int = Field(ge=1)


class SetSummary(Part):
    """The synthetic set.

    Attributes:
        id: Derived from the request.
        class_counts: Images of each class in the set; none where it was refused.
        unlabelled_counts: Images of no class in the set, by origin ("mixture", "interpolation").
        generated: Images drawn in all rounds.
        rejected: Images dropped by the gate, in all rounds.
        released: Images in the set; 0 where it was refused.
        examination: Which of its model's sets it is.
    """

    id: str
    class_counts: Mapping[str, int]
    unlabelled_counts: Mapping[str, int] = Field(default_factory=dict)
    generated: int = Field(ge=0)
    rejected: int = Field(ge=0)
    released: int = Field(ge=0)
    examination: ExaminationCount


class Guarantee(Part):
    """Differential privacy the model was trained with, (epsilon, delta) for a whole patient."""

    epsilon: float = Field(gt=0)
    delta: float = Field(gt=0, lt=1)
    unit: Literal["patient"] = "patient"


class ModelSummary(Part):
    """The model; `differential_privacy` is None where no guarantee is claimed."""

    id: str
    family: str
    image_size: int
    config_sha256: str
    snapshot_sha256: str
    differential_privacy: Guarantee | None = None


class DatasetSummary(Part):
    """The real images, coarsely.

    Attributes:
        version: Keyed hash of the dataset version.
        class_counts: Images of each class, rounded so that no single patient shows.
        patient_ids: Whether patients were named. Unless a dataset says so it is taken not to
            name them, and every document warns that each image was counted as a patient.
    """

    version: str
    class_counts: Mapping[str, int]
    patient_ids: bool = False


Outcome = Literal["passed", "passed_filtered", "refused", "inconclusive"]


class VerdictSummary(Part):
    """The gate's verdict; text is its name, as `refused(memorises)` or `passed_filtered(3)`."""

    outcome: Outcome
    code: str | None = None
    text: str
    reasons: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()

    @property
    def is_released(self) -> bool:
        """Whether the set may be downloaded, so that its images may be shown."""
        return self.outcome in ("passed", "passed_filtered")


class Report(Part):
    """All that is known of a set, as `report.json` holds it.

    `further_fidelity` is `fidelity` once more by each network that the operator supplies; the gate
    goes by our own alone.
    """

    format: Literal["synthcxr-report/1"] = FORMAT
    set: SetSummary
    model: ModelSummary
    dataset: DatasetSummary
    verdict: VerdictSummary
    gate: GateSummary
    fidelity: Fidelity | None = None
    further_fidelity: tuple[Fidelity, ...] = ()
    utility: Utility | None = None
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
