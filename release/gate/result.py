"""What the gate found out about a set, for everyone and for the owner of the real images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.data import Array
from release.gate.finding import Finding
from release.gate.policy import Policy
from release.gate.positive_controls import ControlResult
from release.gate.public_result import (
    Curve,
    Histograms,
    MembershipAttack,
    NotRun,
    Power,
    PublishedControl,
    PublishedFinding,
    PublishedGate,
    PublishedMetric,
    PublishedVerdict,
)
from release.gate.verdict import Verdict
from release.stats.estimate import Estimate
from release.stats.roc import Roc

VERSION = "4"
COARSE_P_VALUES = (0.001, 0.01, 0.05, 0.1, 0.5, 1.0)
_BINS = np.round(np.arange(0, 2.01, 0.1), 1)


def coarse_p_value(p_value: float) -> float:
    """Round a p-value up to one of few, so that it cannot guide an attacker image by image."""
    return next(level for level in COARSE_P_VALUES if p_value <= level)


def histograms_of(holdout: Array, of_set: Array) -> Histograms:
    """Count images by their closeness to the training images.

    Bins may hold a single image: what is published of them is merged by
    `release.report.disclosure`.

    Args:
        holdout: One image of each patient, in units of the holdout density.
        of_set: The images of the set, likewise.
    """
    real, synthetic = (
        np.histogram(np.minimum(values, _BINS[-1]), _BINS)[0] for values in (holdout, of_set)
    )
    return Histograms(
        edges=tuple(_BINS.tolist()),
        real_to_real=tuple(real.tolist()),
        synthetic_to_real=tuple(synthetic.tolist()),
    )


@dataclass(frozen=True, eq=False)
class GateResult:
    """The evaluation of a set by the gate.

    Attributes:
        verdict: Whether the set is released.
        kept: (n,), which of the images belong to it, the others were dropped.
        findings: What each check found.
        power: What could have been detected.
        controls: How many of the positive controls were found.
        histograms: None where no image was compared.
        policy: What was demanded.
        metrics: Name and digest of each metric.
        tally: What counts of it in later evaluations, as JSON values; private.
        not_run: The checks that were not run, and why.
    """

    verdict: Verdict
    kept: NDArray[np.bool_]
    findings: tuple[Finding, ...]
    power: Power
    controls: tuple[ControlResult, ...]
    histograms: Histograms | None
    policy: Policy
    metrics: tuple[tuple[str, str], ...]
    tally: Mapping[str, Any]
    not_run: tuple[NotRun, ...] = ()

    @property
    def membership(self) -> Roc | None:
        """The strongest attack on the set; None where none was tried."""
        return next((each.roc for each in self.findings if each.roc), None)

    @property
    def epsilon(self) -> float | None:
        """Lower bound of G5; None where it was not computed."""
        return next((each.statistic for each in self.findings if each.id == "G5"), None)

    def published(self) -> PublishedGate:
        """Return what everybody may know, coarsely."""
        return PublishedGate(
            version=VERSION,
            policy=self.policy,
            policy_sha256=self.policy.digest,
            power=self.power,
            findings=tuple(map(_published, self.findings)),
            controls=tuple(
                PublishedControl(
                    **asdict(each), recall=each.recall, claimed=each.claimed(self.policy)
                )
                for each in self.controls
            ),
            membership=_membership(self.membership) if self.membership else None,
            histograms=self.histograms,
            metrics=tuple(
                PublishedMetric(name=name, digest=sha256) for name, sha256 in self.metrics
            ),
            epsilon_lower_bound=self.epsilon,
            not_run=self.not_run,
        )

    def public(self) -> dict[str, Any]:
        """Return JSON values of the verdict and of what is published."""
        verdict = PublishedVerdict.of(self.verdict)
        return {
            "verdict": verdict.model_dump(mode="json"),
            "gate": self.published().model_dump(mode="json"),
        }

    def private(self) -> dict[str, Any]:
        """Return JSON values for the owner of the real images, in full."""
        in_full = [
            {"id": each.id, "name": each.name, "p_value": each.p_value, **each.private}
            for each in self.findings
        ]
        return {
            **self.public(),
            "in_full": in_full,
            "kept": self.kept.tolist(),
            "tally": dict(self.tally),
        }


def _published(finding: Finding) -> PublishedFinding:
    p_value = None if finding.p_value is None else coarse_p_value(finding.p_value)
    return PublishedFinding.model_validate(replace(finding, p_value=p_value), from_attributes=True)


def _membership(roc: Roc) -> MembershipAttack:
    """Round the curve and its figures to two digits."""

    def rounded(estimate: Estimate) -> Estimate:
        return Estimate(*(round(each, 2) for each in (estimate.value, estimate.low, estimate.high)))

    tpr, low, high = (tuple(np.round(each, 2).tolist()) for each in (roc.tpr, roc.low, roc.high))
    return MembershipAttack(
        auc=rounded(roc.auc),
        tpr_at_1_percent_fpr=rounded(roc.tpr_at_low_fpr),
        roc=Curve(fpr=tuple(roc.fpr.tolist()), tpr=tpr, low=low, high=high),
    )
