"""What the report says of the privacy gate: its power, tests, controls and the attack it ran."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, JsonValue

from release.report.parts import Interval, Part


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
