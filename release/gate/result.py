"""What the gate found out about a set, for everyone and for the owner of the real images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.data import Array
from release.gate.finding import Finding
from release.gate.policy import Policy
from release.gate.positive_controls import ControlResult
from release.gate.power import Power
from release.gate.verdict import Verdict
from release.stats.roc import Roc

VERSION = "3"
COARSE_P_VALUES = (0.001, 0.01, 0.05, 0.1, 0.5, 1.0)
_BINS = np.round(np.arange(0, 2.01, 0.1), 1)


def coarse(p_value: float) -> float:
    """Round a p-value up to one of few, so that it cannot guide an attacker image by image."""
    return next(level for level in COARSE_P_VALUES if p_value <= level)


@dataclass(frozen=True, eq=False)
class Histograms:
    """How near the training images are, in units of the holdout density.

    Bins may hold a single image: what is published of them is merged by
    `release.report.disclosure`.

    Attributes:
        edges: Bounds of the bins; what lies beyond the last is counted in the last bin.
        real_to_real: Holdout images, one of each patient, in each bin.
        synthetic_to_real: Images of the set in each bin.
    """

    edges: tuple[float, ...]
    real_to_real: tuple[int, ...]
    synthetic_to_real: tuple[int, ...]

    @classmethod
    def of(cls, holdout: Array, of_set: Array) -> Histograms:
        """Count images by their closeness to the training images."""
        real, synthetic = (
            np.histogram(np.minimum(values, _BINS[-1]), _BINS)[0] for values in (holdout, of_set)
        )
        return cls(tuple(_BINS.tolist()), tuple(real.tolist()), tuple(synthetic.tolist()))


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

    @property
    def membership(self) -> Roc | None:
        """The strongest attack on the set; None where none was tried."""
        return next((each.roc for each in self.findings if each.roc), None)

    @property
    def epsilon(self) -> float | None:
        """Lower bound of G5; None where it was not computed."""
        return next((each.statistic for each in self.findings if each.id == "G5"), None)

    def public(self) -> dict[str, Any]:
        """Return JSON values for everyone: coarse, and nothing of a single image."""
        return {"verdict": self._verdict(), "gate": self._gate()}

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

    def _verdict(self) -> dict[str, Any]:
        return {
            "outcome": self.verdict.outcome,
            "code": self.verdict.code,
            "text": str(self.verdict),
            "reasons": list(self.verdict.reasons),
            "remedies": list(self.verdict.remedies),
        }

    def _gate(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "policy": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(self.policy).items()
            },
            "policy_sha256": self.policy.digest,
            "power": self.power.described(),
            "findings": [_published(finding) for finding in self.findings],
            "controls": [
                {**control.described(), "claimed": control.claimed(self.policy)}
                for control in self.controls
            ],
            "membership": _membership(self.membership) if self.membership else None,
            "histograms": _lists(self.histograms) if self.histograms else None,
            "metrics": [{"name": name, "digest": digest} for name, digest in self.metrics],
            "epsilon_lower_bound": self.epsilon,
        }


def _published(finding: Finding) -> dict[str, Any]:
    values = finding.described()
    del values["code"], values["public"]
    p_value = finding.p_value
    return {**values, "p_value": None if p_value is None else coarse(p_value)}


def _membership(roc: Roc) -> dict[str, Any]:
    def interval(estimate: Any) -> dict[str, float]:
        return {name: round(getattr(estimate, name), 2) for name in ("value", "low", "high")}

    return {
        "auc": interval(roc.auc),
        "tpr_at_1_percent_fpr": interval(roc.tpr_at_low_fpr),
        "roc": {
            "fpr": roc.fpr.tolist(),
            **{name: np.round(getattr(roc, name), 2).tolist() for name in ("tpr", "low", "high")},
        },
    }


def _lists(histograms: Histograms) -> Mapping[str, Any]:
    return {name: list(value) for name, value in asdict(histograms).items()}
