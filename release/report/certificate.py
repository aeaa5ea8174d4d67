"""The certificate: what a recipient needs of a report, on one page."""

from __future__ import annotations

import hashlib
from typing import Any

from release.report import words
from release.report.structure import Report

CERTIFICATE_FORMAT = "synthcxr-certificate/1"


def certificate(report: Report) -> dict[str, Any]:
    """Return the certificate as JSON values.

    It is bound to its report by the report's SHA-256, and holds nothing the report does not.
    """
    gate = report.gate
    return {
        "format": CERTIFICATE_FORMAT,
        "set_id": report.set.id,
        "num_films": report.set.released,
        "examination": report.set.examination.model_dump(mode="json"),
        "model": report.model.model_dump(mode="json"),
        "dataset_version": report.dataset.version,
        "verdict": words.verdict_name(report),
        "label": words.label(report),
        "mdcr": {
            "overall": gate.power.mdcr,
            "largest_accepted": gate.power.max_mdcr,
            "by_class": dict(gate.power.by_class),
            "num_held_out": gate.power.num_held_out,
            "num_patients": gate.power.num_patients,
        },
        "controls": [control.model_dump(mode="json") for control in gate.controls],
        "epsilon_lower_bound": gate.epsilon_lower_bound,
        "gate_version": gate.version,
        "policy_sha256": gate.policy_sha256,
        "report_sha256": hashlib.sha256(report.to_json()).hexdigest(),
        "statement": words.WHAT_WAS_BOUNDED,
        "warnings": list(words.warnings(report)),
    }
