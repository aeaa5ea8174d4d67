"""The verdict that follows from all findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from release.gate.finding import OTHER_MODEL, Finding, Reason
from release.gate.verdict import Outcome, Verdict

NOTHING_LEFT = Reason("nothing_left", "every image asked for was dropped", OTHER_MODEL)


def decide(
    findings: Sequence[Finding],
    num_filtered: int,
    num_left: int,
    min_detectable_copy_rate: float | None = None,
) -> Verdict:
    """Decide from all findings: a refusal outweighs doubt, and doubt a pass.

    Args:
        findings: Of all checks.
        num_filtered: How many images were dropped.
        num_left: How many of the images asked for remain. A set that somebody could read, at
            least with the right to see the real images, is inconclusive where none does.
        min_detectable_copy_rate: What the checks could have detected.
    """
    outcome, reasons = _outcome(findings, num_filtered)
    verdict = Verdict(
        outcome,
        reasons[0].code if reasons else None,
        num_filtered,
        tuple(reason.text for reason in reasons),
        tuple(dict.fromkeys(remedy for reason in reasons for remedy in reason.remedies)),
        min_detectable_copy_rate,
    )
    if num_left or not (verdict.released or verdict.for_research):
        return verdict
    return replace(
        verdict,
        outcome="inconclusive",
        code=NOTHING_LEFT.code,
        reasons=(NOTHING_LEFT.text,),
        remedies=NOTHING_LEFT.remedies,
    )


def _outcome(findings: Sequence[Finding], num_filtered: int) -> tuple[Outcome, list[Reason]]:
    outcomes: tuple[Outcome, ...] = ("refused", "inconclusive")
    for outcome in outcomes:
        reasons = [each.reason for each in findings if each.decision == outcome]
        if found := list(dict.fromkeys(filter(None, reasons))):
            # the first reason names the verdict, and so decides who may see the images
            return outcome, sorted(found, key=lambda reason: not reason.hides_images)
    return ("passed_filtered" if num_filtered else "passed"), []
