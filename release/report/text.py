"""What a verdict, a decision and a label mean, in plain words."""

from __future__ import annotations

from release.report.gate_summary import Power
from release.report.numerals import rate, significant
from release.report.schema import Outcome, Report

OUTCOMES: dict[Outcome, str] = {
    "passed": "Passed",
    "passed_filtered": "Passed after images were dropped",
    "refused": "Refused",
    "inconclusive": "Could not be decided",
}
DECISIONS = {
    "passed": "passed",
    "refused": "refused",
    "inconclusive": "could not decide",
    "reported": "reported only",
}
WHAT_WAS_BOUNDED = (
    "A pass bounds the attacks that were run, at the power stated here. It does not bound every "
    "attack, and it is no statement about the model's weights."
)
MEANINGS: dict[Outcome, str] = {
    "passed": WHAT_WAS_BOUNDED,
    "passed_filtered": WHAT_WAS_BOUNDED,
    "refused": (
        "A refusal says that at least one test found what a model that tells nothing of its "
        "training patients would hardly show. It does not say which patients are concerned, nor "
        "that every image tells of one."
    ),
    "inconclusive": (
        "An open verdict says that the tests, as they could be run here, would not have been sure "
        "to find what they look for. That they found nothing is then no evidence."
    ),
}
EACH_IMAGE_A_PATIENT = (
    "The dataset named no patients, so each image was counted as a patient. Where a patient has "
    "several images, numbers of patients are too large and the tests are weaker than stated."
)


def left_the_building(report: Report) -> bool:
    """Return whether the set was released, so that its images may be shown."""
    return report.verdict.outcome in ("passed", "passed_filtered")


def label(report: Report) -> str:
    """Name the kind of evidence: tests alone, or a mathematical guarantee. Never both."""
    dp = report.model.dp
    if dp is None:
        return "empirically-gated"
    return f"certified-dp({dp.epsilon:g}, {dp.delta:g}, {dp.unit})"


def verdict_name(report: Report) -> str:
    """Return the verdict as the service names it: refused(memorises), passed_filtered(3)."""
    return report.verdict.text


def verdict_sentence(report: Report) -> str:
    """Say in one sentence what became of the set."""
    outcome = report.verdict.outcome
    if outcome == "passed":
        return (
            "The tests found no copies of training images, of the kinds that they look for, and "
            "no sign of who was among the training patients. The set was released."
        )
    if outcome == "passed_filtered":
        dropped = report.set.rejected
        images = "image" if dropped == 1 else "images"
        return (
            f"{dropped} {images} came too near to a training image and did not leave. In what was "
            "left the tests found no copies, of the kinds that they look for, and no sign of who "
            "was among the training patients. The set was released."
        )
    if outcome == "refused":
        return (
            "The tests found that the images tell about training patients. The set was not "
            "released, and nobody can download it."
        )
    undecided = (
        "The tests could not tell whether the images are safe to give away. This is neither a pass "
        "nor a finding against the set. It was not released."
    )
    if report.set.released:
        return f"{undecided} Only those who may see the real images (scope private:read) reach it."
    return undecided


def warnings(report: Report) -> tuple[str, ...]:
    """Return what a reader must know before any number."""
    return () if report.dataset.patient_ids else (EACH_IMAGE_A_PATIENT,)


def copy_claim(power: Power) -> str:
    """Say what is claimed about copies in the set."""
    if not power.num_examined:
        return "No claim about copies: not measured."
    if not power.claims_copies:
        return (
            "No claim about copies: they could go unnoticed below "
            f"{rate(power.mdcr)} of the images."
        )
    return (
        f"Copies that make up {rate(power.mdcr)} of the images lead to a refusal 95 times in 100, "
        "where they are of the kinds looked for."
    )


def class_claim(share: float) -> str:
    """Say what is claimed about copies among the images of one class."""
    if share == 1:
        return "No claim: a leak in this class alone could go unnoticed."
    return f"Copies that make up {rate(share)} of this class lead to a refusal."


def membership_claim(power: Power) -> str:
    """Say what is claimed about attacks that ask who was in the training."""
    if not power.num_examined:
        return "No claim about membership: not measured."
    share = rate(power.membership)
    if not power.claims_membership:
        return (
            "No claim about membership: of the attacks that are run, one that is right on fewer "
            f"than {share} of the training patients could go unnoticed."
        )
    return (
        f"Of the attacks that are run, one that is right on {share} of the training patients leads "
        "to a refusal."
    )


def whether_claimed(is_claimed: bool) -> str:
    """Say in a word or two whether a claim is made."""
    return "claimed" if is_claimed else "no claim"


def epsilon_words(report: Report) -> str | None:
    """Say what the audit showed of epsilon, or None where it was not run."""
    bound = report.gate.epsilon_lower_bound
    if bound is None:
        return None
    dp = report.model.dp
    claimed = "no epsilon is claimed" if dp is None else f"{dp.epsilon:g} is claimed"
    return f"at least {significant(bound)}; {claimed}"
