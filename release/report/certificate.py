"""The certificate: what a recipient needs of a report, on one page."""

from __future__ import annotations

import hashlib
from typing import Any

from release.gate.published import Power, PublishedGate
from release.report import text
from release.report.copy_kinds import NOT_PLANTED
from release.report.schema import Report

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
        "label": text.label(report),
        "claims": {
            "copies": _about_copies(gate.power),
            "membership": _about_membership(gate.power),
        },
        "kinds_of_copies": _kinds(gate),
        "epsilon_lower_bound": gate.epsilon_lower_bound,
        "gate_version": gate.version,
        "policy_sha256": gate.policy_sha256,
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
