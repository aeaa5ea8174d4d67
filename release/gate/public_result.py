"""What everybody may know of the gate's result: coarse, and nothing of a single image.

These types are the gate's part of a report (`release.report.schema`), and `Power` and `Histograms`
are what the gate itself computes with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from release.gate.policy import Policy
from release.gate.verdict import Decision, Outcome, Verdict
from release.stats.estimate import Estimate


def rounded_up(rate: float) -> float:
    """Round a rate up to a hundredth of a per cent; one that was rounded already stays."""
    return min(1.0, ceil(rate * 1e4 - 1e-6) / 1e4)


def percent(rate: float) -> str:
    """Write a rate in per cent, rounded up to a hundredth."""
    return f"{100 * rounded_up(rate):.2f} %"


def _rounded(share: float) -> float:
    return round(share, 3)


Rate = Annotated[float, Field(ge=0, le=1), PlainSerializer(rounded_up, return_type=float)]


class Part(BaseModel):
    """A frozen part of a report; unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Power:
    """What the checks are sure to detect: two claims, about copies and about membership.

    Attributes:
        num_held_out: Images of the holdout, which no model was trained on.
        num_patients: Their patients.
        num_calibrating: Training and holdout patients on whose images thresholds are calibrated.
        num_examined: Images of the set that were examined; 0 where nothing could be counted.
        recall: Least share found of a kind of copy that is claimed; 0 where none is.
        mdcr: Minimum detectable copy rate: the share of copies of the claimed kinds by which the
            set is refused 95 times of 100, in [0, 1].
        by_class: The same share of the images of each class; 1 where nothing is claimed.
        membership: Share of the training patients on whom an attack must be right to be sure to be
            detected, in [0, 1].
        max_mdcr: The largest that the policy accepts.
        max_membership: Likewise.
    """

    num_held_out: int
    num_patients: int
    num_calibrating: int = 0
    num_examined: int = 0
    recall: Annotated[float, Field(ge=0, le=1), PlainSerializer(_rounded, return_type=float)] = 0.0
    mdcr: Rate = 1.0
    by_class: Mapping[str, Rate] = field(default_factory=dict)
    membership: Rate = 1.0
    max_mdcr: float = 0.0
    max_membership: float = 0.0

    @property
    def claims_copies(self) -> bool:
        """Whether copies as rare as the policy asks for lead to a refusal."""
        return self.mdcr <= self.max_mdcr

    @property
    def claims_membership(self) -> bool:
        """Whether attacks on as few patients as the policy asks for are detected."""
        return self.membership <= self.max_membership


class PublishedVerdict(Part):
    """The gate's verdict; text is its name, as `refused(memorises)` or `passed_filtered(3)`."""

    outcome: Outcome
    code: str | None = None
    text: str
    reasons: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Say what everybody may know of a verdict."""
        return cls(
            outcome=verdict.outcome,
            code=verdict.code,
            text=str(verdict),
            reasons=verdict.reasons,
            remedies=verdict.remedies,
        )

    @property
    def is_released(self) -> bool:
        """Whether the set may be downloaded, so that its images may be shown."""
        return self.outcome in ("passed", "passed_filtered")


class PublishedFinding(Part):
    """What one check found; p_value is rounded up, and None for checks that have none."""

    id: str
    name: str
    decision: Decision
    statistic: float | None = None
    threshold: float | None = None
    p_value: float | None = Field(None, ge=0, le=1)
    text: str


class NotRun(Part):
    """A check that was not run, and why, in a sentence."""

    id: str
    name: str
    why: str


class PublishedControl(Part):
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


class MembershipAttack(Part):
    """How well the strongest attack distinguishes training images from holdout images."""

    auc: Estimate
    tpr_at_1_percent_fpr: Estimate
    roc: Curve


class Histograms(Part):
    """Images counted by how near the training images are, in units of the holdout density.

    Attributes:
        edges: Bounds of the bins, one more than there are bins; the last bin takes all beyond.
        real_to_real: Holdout images, one of each patient, in each bin.
        synthetic_to_real: Synthetic images in each bin.
    """

    edges: tuple[float, ...]
    real_to_real: tuple[float, ...]
    synthetic_to_real: tuple[float, ...]

    @property
    def compares(self) -> bool:
        """Whether images of both kinds were counted, so that there is something to compare."""
        return sum(self.real_to_real) > 0 and sum(self.synthetic_to_real) > 0


class PublishedMetric(Part):
    """A similarity metric that the gate used, and the SHA-256 of its code and weights."""

    name: str
    digest: str


class PublishedGate(Part):
    """What the gate tested and found; a part it did not reach is None or empty.

    Attributes:
        epsilon_lower_bound: What the one-run audit shows at least, None where it was not run.
        not_run: The checks that were not run on this set.
    """

    version: str
    policy: Policy
    policy_sha256: str
    power: Power
    findings: tuple[PublishedFinding, ...]
    controls: tuple[PublishedControl, ...] = ()
    membership: MembershipAttack | None = None
    histograms: Histograms | None = None
    metrics: tuple[PublishedMetric, ...] = ()
    epsilon_lower_bound: float | None = None
    not_run: tuple[NotRun, ...] = ()
