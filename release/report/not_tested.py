"""What was not tested of a set, and why: checks that did not run, and questions no check asks."""

from __future__ import annotations

from release.gate.public_result import NotRun
from release.report.schema import Report

NO_CHECK = "No check of this gate asks it."
NEVER = (
    ("inference of attributes other than the class", NO_CHECK),
    ("reconstruction of images from the weights", "The weights are not part of the set."),
    ("attackers who know more of a patient than an image", NO_CHECK),
    ("reading by a radiologist", "Labels are those requested."),
)
NOT_COMPARED = "Too few images, or too few patients, to compare."
NOT_REQUESTED = "Not asked for: request the full report."
NOT_RELEASED = "The set is not released."


def not_tested(report: Report) -> tuple[NotRun, ...]:
    """List what the report has no result of; `id` is empty for what is no check of the gate."""
    missing = [] if report.fidelity else [("fidelity", NOT_COMPARED)]
    if report.utility is None:
        missing.append(("utility", NOT_REQUESTED if report.verdict.is_released else NOT_RELEASED))
    others = (NotRun(id="", name=name, why=why) for name, why in (*missing, *NEVER))
    return (*report.gate.not_run, *others)
