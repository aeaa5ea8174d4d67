"""What the gate found out about a set, for everyone and for the owner of the real images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.gate.policy import Policy
from release.gate.positive_controls import Control
from release.gate.power import Power
from release.gate.verdict import Finding, Verdict
from release.similarity.knn import Array
from release.stats.roc import Roc

VERSION = "2"
COARSE_P_VALUES = (0.001, 0.01, 0.05, 0.1, 0.5, 1.0)
_FEWEST_SHOWN = 5  # images in a bin of a histogram
_BINS = np.round(np.arange(0, 2.01, 0.1), 1)


def coarse(p_value: float) -> float:
    """Round a p-value up to one of few, so that it cannot guide an attacker image by image."""
    return next(level for level in COARSE_P_VALUES if p_value <= level)


@dataclass(frozen=True, eq=False)
class Histograms:
    """How near T is to held-out images and to the set's, in units of the held-out density.

    Attributes:
        edges: Bounds of the bins; what lies beyond the last is counted in the last bin.
        real_to_real: Held-out images, one of each patient, in each bin.
        synthetic_to_real: Images of the set in each bin.
    """

    edges: tuple[float, ...]
    real_to_real: tuple[int, ...]
    synthetic_to_real: tuple[int, ...]

    @classmethod
    def of(cls, held_out: Array, of_set: Array) -> Histograms:
        """Count images; bins of a few are joined with the next, so that none shows an image."""
        top = float(_BINS[-1])
        real = np.histogram(np.minimum(held_out, top), _BINS)[0]
        images = np.histogram(np.minimum(of_set, top), _BINS)[0]
        edges, kept = [float(_BINS[0])], [[0, 0]]
        for edge, *counts in zip(_BINS[1:].tolist(), real.tolist(), images.tolist(), strict=True):
            kept[-1] = [old + new for old, new in zip(kept[-1], counts, strict=True)]
            if all(count == 0 or count >= _FEWEST_SHOWN for count in kept[-1]) and any(kept[-1]):
                edges.append(edge)
                kept.append([0, 0])
        rest = kept.pop()
        if kept and any(rest):
            kept[-1] = [old + new for old, new in zip(kept[-1], rest, strict=True)]
            edges[-1] = top
        return cls(tuple(edges), tuple(row[0] for row in kept), tuple(row[1] for row in kept))


@dataclass(frozen=True, eq=False)
class Examination:
    """A set under the gate.

    Attributes:
        verdict: Whether the set may leave.
        kept: (n,), which of the images drawn belong to it, the others were dropped.
        findings: What each test found.
        power: What could have been found.
        controls: How many of the planted near duplicates were found.
        membership: The strongest attack; None where none was tried.
        epsilon: Lower bound of G5; None where it was not sought.
        histograms: None where no image was seen.
        policy: What was demanded.
        metrics: Name and digest of each metric.
        tally: What counts of it in later examinations, as JSON values; private.
    """

    verdict: Verdict
    kept: NDArray[np.bool_]
    findings: tuple[Finding, ...]
    power: Power
    controls: tuple[Control, ...]
    membership: Roc | None
    epsilon: float | None
    histograms: Histograms | None
    policy: Policy
    metrics: tuple[tuple[str, str], ...]
    tally: Mapping[str, Any]

    @property
    def weights_may_leave(self) -> bool:
        """Whether the model was looked into (G6) and does not tell who was trained on."""
        found = [each.public["weights_may_leave"] for each in self.findings if each.id == "G6"]
        return self.verdict.may_leave and bool(found) and all(found)

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
            "findings": [_described(finding) for finding in self.findings],
            "controls": [
                {**control.described(), "claimed": control.claimed(self.policy)}
                for control in self.controls
            ],
            "membership": _membership(self.membership) if self.membership else None,
            "histograms": _lists(self.histograms) if self.histograms else None,
            "metrics": [{"name": name, "digest": digest} for name, digest in self.metrics],
            "epsilon_lower_bound": self.epsilon,
        }


def _described(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "name": finding.name,
        "decision": finding.decision,
        "statistic": finding.statistic,
        "threshold": finding.threshold,
        "p_value": None if finding.p_value is None else coarse(finding.p_value),
        "text": finding.text,
    }


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
