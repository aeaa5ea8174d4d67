"""The certificate: what a recipient needs of a report, on one page."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from release.gate.public_result import Power, PublishedGate
from release.report import text
from release.report.copy_kinds import NOT_PLANTED
from release.report.not_tested import not_tested
from release.report.schema import Report

# of the policy, those that a reader can hold the figures against
LIMITS = {
    "alpha": "chance that an honest set is refused by the privacy tests",
    "max_mdcr": "minimum detectable copy rate, at most",
    "max_membership": "share of training patients that an attack may be right on undetected",
    "max_advantage": "advantage of an attack, upper 95 % bound",
    "min_control_recall": "share of planted copies that must be found of a kind",
    "max_relative_kid": "KID between real images (0) and mean images (1), at most",
}
CERTIFICATE_FORMAT = "synthcxr-certificate/1"


def certificate(report: Report) -> dict[str, Any]:
    """Return the certificate as JSON values.

    It is bound to its report by the report's SHA-256, and holds nothing the report does not.
    """
    gate = report.gate
    return {
        "format": CERTIFICATE_FORMAT,
        "set_id": report.set.id,
        "num_images": report.set.released,
        "examination": report.set.examination.model_dump(mode="json"),
        "model": report.model.model_dump(mode="json"),
        "dataset_version": report.dataset.version,
        "verdict": report.verdict.text,
        "outcome": report.verdict.outcome,
        "heading": text.OUTCOMES[report.verdict.outcome],
        "summary": text.verdict_sentence(report),
        "reasons": list(report.verdict.reasons),
        "remedies": list(report.verdict.remedies),
        "label": text.label(report),
        "claims": {
            "copies": _about_copies(gate.power),
            "membership": _about_membership(gate.power),
        },
        "measured": {
            "membership": text.membership(gate),
            "likeness": text.likeness(report),
            "burned_in_text": text.burned_in_text(gate),
        },
        "kinds_of_copies": _kinds(gate),
        "not_tested": [each.model_dump(mode="json") for each in not_tested(report)],
        "epsilon_lower_bound": gate.epsilon_lower_bound,
        "gate_version": gate.version,
        "policy": {
            name: {"value": asdict(gate.policy)[name], "meaning": meaning}
            for name, meaning in LIMITS.items()
        },
        "policy_sha256": gate.policy_sha256,
        "versions": dict(report.versions),
        "report_sha256": hashlib.sha256(report.to_json()).hexdigest(),
        "statement": text.WHAT_WAS_BOUNDED,
        "warnings": list(text.warnings(report)),
    }


def _about_copies(power: Power) -> dict[str, Any]:
    return {
        "claimed": power.claims_copies,
        "text": text.copy_claim(power),
        "mdcr": power.mdcr,
        "max_mdcr": power.max_mdcr,
        "by_class": dict(power.by_class),
        "recall": power.recall,
        "num_examined": power.num_examined,
        "num_calibrating": power.num_calibrating,
    }


def _about_membership(power: Power) -> dict[str, Any]:
    return {
        "claimed": power.claims_membership,
        "text": text.membership_claim(power),
        "share": power.membership,
        "max_share": power.max_membership,
        "num_held_out": power.num_held_out,
        "num_patients": power.num_patients,
    }


def _kinds(gate: PublishedGate) -> dict[str, Any]:
    """Name what is looked for, what was planted and is not, and what nobody planted."""
    planted = [control.model_dump(mode="json") for control in gate.controls]
    return {
        "looked_for": [each for each in planted if each["claimed"]],
        "not_looked_for": [each for each in planted if not each["claimed"]],
        "not_planted": list(NOT_PLANTED),
    }
