"""What the report says of the privacy gate: its power, tests, controls and the attack it ran."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, JsonValue

from release.report.parts import Interval, Part


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
    recall: Interval
    required: bool
    claimed: bool


class Curve(Part):
    """A receiver operating characteristic with a pointwise band for its true positive rate."""

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Membership(Part):
    """How well an attack told the images the model learned from apart from held-out ones."""

    auc: Interval
    tpr_at_1_percent_fpr: Interval
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
