"""Numbers and verdicts as text.

Each number in the documents passes through here from the report's JSON, with as many digits as its
uncertainty allows, and never one more.
"""

from __future__ import annotations

from decimal import Decimal
from math import ceil, floor, isfinite, log10

from release.fidelity.results import ALL
from release.gate.public_result import Power, PublishedGate, rounded_up
from release.gate.result import COARSE_P_VALUES
from release.gate.verdict import Outcome
from release.report.pretraining import of_pretraining
from release.report.schema import Report
from release.stats.estimate import Estimate

NOT_MEASURED = "not measured"
NO_BREAK = "\u00a0"  # keeps a number and its unit on one line
MINUS = "\u2212"  # which is read out as minus, where a hyphen is not
SMALLEST_P = COARSE_P_VALUES[0]
UNBOUNDED = "unbounded"
_MAX_DECIMALS = 8
GUESSING = 0.5  # the area under the curve of an attack that guesses
# benchmarks/results/burned_in_text.json, real images
TEXT_DRAWN, TEXT_FOUND, TEXT_INTERVAL, TEXT_HEIGHT = 200, 199, (0.9722, 0.9991), 6

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
        "A refusal says that at least one test rejected its null hypothesis: a model that does "
        "not memorise its training patients would hardly give such a set. It does not say which "
        "patients are concerned, nor that every image is a copy."
    ),
    "inconclusive": (
        "An open verdict says that the tests could not decide, for the reasons named: they did not "
        "have the power that the policy asks for, the images are too unlike real ones for the "
        "tests to mean anything, or a test failed on its own controls. That nothing was found is "
        "then no evidence."
    ),
}
EACH_IMAGE_A_PATIENT = (
    "The dataset named no patients, so each image was counted as a patient. Where a patient has "
    "several images, numbers of patients are too large and the tests are weaker than stated."
)


def label(report: Report) -> str:
    """Name the kind of evidence: tests alone, or a mathematical guarantee. Never both."""
    dp = report.model.differential_privacy
    if dp is None:
        return "empirically-gated"
    return f"certified-dp({dp.epsilon:g}, {dp.delta:g}, {dp.unit})"


def verdict_sentence(report: Report) -> str:
    """Say in one sentence what became of the set."""
    outcome = report.verdict.outcome
    if report.verdict.is_released:
        return f"{_about_copies(report)} {membership(report.gate)} The set was released."
    if report.verdict.code == "text":
        return (
            "The images show legible text, such as names or numbers. The set was not released, "
            "and nobody can download it."
        )
    if outcome == "refused":
        return (
            "The tests found that the set discloses training patients. It was not released, and "
            "nobody can download it."
        )
    undecided = (
        "The tests could not decide whether the set is safe to release. This is neither a pass "
        "nor a finding against the set. It was not released."
    )
    if report.set.released:
        return f"{undecided} Only those who may see the real images (scope private:read) reach it."
    return undecided


def _about_copies(report: Report) -> str:
    dropped = report.set.rejected
    if not dropped:
        counted = next((each.statistic for each in report.gate.findings if each.id == "G1"), None)
        if counted == 0:
            return "The tests found no copies of training images, of the kinds that they look for."
        return (
            "The tests found no more images near training images than chance explains, of the "
            "kinds of copies that they look for."
        )
    images, were = ("image", "was") if dropped == 1 else ("images", "were")
    return (
        f"{dropped} {images} came too near to a training image and {were} dropped, no more than "
        "chance explains. None of the others is flagged as a copy, of the kinds that the tests "
        "look for."
    )


def membership(gate: PublishedGate) -> str:
    """Say what the strongest attack inferred: chosen by its interval, not by the decision."""
    attack = gate.membership
    if attack is None:
        return "Membership inference was not measured."
    measured = f"the strongest attack that was run has an AUC of {estimate(attack.auc)}"
    if attack.auc.low <= GUESSING:
        return (
            f"No sign of membership: {measured}, an interval that takes in guessing ({GUESSING})."
        )
    if any(each.id == "G3" and each.decision == "refused" for each in gate.findings):
        return f"Who was trained on can be inferred: {measured}, where {GUESSING} is guessing."
    return (
        f"A weak signal of membership: {measured}, where {GUESSING} is guessing; it is below what "
        "the policy refuses."
    )


def likeness(report: Report) -> str:
    """Say whether precision and density distinguish the images from real ones."""
    rows = report.fidelity.rows if report.fidelity else ()
    row = next((each for each in rows if each.label == ALL), None)
    names = ("precision", "density")
    pairs = [(name, row.synthetic.get(name), row.floor.get(name)) for name in names if row]
    below = [
        f"their {name} is {estimate(found)}, that of real test images {estimate(real)}"
        for name, found, real in pairs
        if found and real and found.high < real.low
    ]
    if below:
        return f"The images are less like real ones than real ones are: {'; '.join(below)}."
    if not pairs or not all(found and real for _, found, real in pairs):
        return "Whether the images are like real ones was not measured by precision and density."
    shown = [f"{name} {estimate(found)}, real {estimate(real)}" for name, found, real in pairs]
    return (
        "The images are like real ones by precision and density, whose intervals reach those of "
        f"real test images ({'; '.join(shown)}). What these features do not show is not compared."
    )


def warnings(report: Report) -> tuple[str, ...]:
    """Return what a reader must know before any number."""
    patients = () if report.dataset.patient_ids else (EACH_IMAGE_A_PATIENT,)
    return (*patients, *of_pretraining(report.model))


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


def membership_claim(power: Power) -> str:
    """Say what is claimed about membership inference attacks."""
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


def burned_in_text(gate: PublishedGate) -> str:
    """Say what the search for legible text found, and how much it finds."""
    finding = next((each for each in gate.findings if each.id == "G9"), None)
    if finding is None:
        return "The images were not searched for names, dates or numbers."
    low, high = (f"{100 * end:.1f}" for end in TEXT_INTERVAL)
    return (
        f"{finding.text} Of names, dates and numbers drawn on real images, with capitals of "
        f"{TEXT_HEIGHT} pixels or more, the detector found {TEXT_FOUND} of {TEXT_DRAWN} (95 % "
        f"interval {low} to {high} %); whose they are is not asked."
    )


def whether_claimed(is_claimed: bool) -> str:
    """Say in a word or two whether a claim is made."""
    return "claimed" if is_claimed else "no claim"


def epsilon_words(report: Report) -> str | None:
    """Say what the audit showed of epsilon, or None where it was not run."""
    bound = report.gate.epsilon_lower_bound
    if bound is None:
        return None
    dp = report.model.differential_privacy
    claimed = "no epsilon is claimed" if dp is None else f"{dp.epsilon:g} is claimed"
    return f"at least {significant(bound)}; {claimed}"


def count(number: int) -> str:
    """Write a count with its thousands apart: 12,345."""
    return f"{number:,}"


def significant(value: float, digits: int = 3) -> str:
    """Round to significant digits, written out: 0.00310, 0.512, 12,300."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = digits - 1 - floor(log10(abs(rounded)))
    if decimals > _MAX_DECIMALS:
        return f"{value:.{digits - 1}e}"
    return f"{rounded:,.{max(decimals, 0)}f}"


def percent(share: float, digits: int = 2) -> str:
    """Write a share in [0, 1] in percent: 0.0089 is 0.89 %. Only all is 100 %."""
    text = significant(100 * share, digits)
    while text.startswith("100") and share < 1:
        digits += 1
        text = significant(100 * share, digits)
    return f"{text}{NO_BREAK}%"


def rate(share: float) -> str:
    """Write a rate in [0, 1] in percent, rounded up to a hundredth: 0.01234 is 1.24 %."""
    return f"{100 * rounded_up(share):.2f}{NO_BREAK}%"


def estimated_percent(measured: Estimate) -> str:
    """Write a measured share with its interval in percent: 1.3 % (0.4 % to 2.5 %)."""
    decimals = max(_decimals(measured) - 2, 0)
    unit = f"{NO_BREAK}%"

    def text(share: float) -> str:
        return f"{100 * share:.{decimals}f}{unit}" if isfinite(share) else UNBOUNDED

    if not isfinite(measured.value):
        return NOT_MEASURED
    return _signed(f"{text(measured.value)} ({text(measured.low)} to {text(measured.high)})")


def probability(p_value: float | None) -> str:
    """Write a p-value, rounded up to two digits; what is very small is given as a bound."""
    if p_value is None:
        return "none"
    p_value = max(p_value, SMALLEST_P)
    step = 10.0 ** (floor(log10(p_value)) - 1)
    return f"{min(ceil(p_value / step - 1e-9) * step, 1):.2g}"


def value(measured: Estimate | None) -> str:
    """Write a measured value to the second digit of its interval's half width."""
    if measured is None or not isfinite(measured.value):
        return NOT_MEASURED
    return _signed(f"{measured.value:,.{_decimals(measured)}f}")


def interval(measured: Estimate | None) -> str:
    """Write the interval of a measured value: 0.480 to 0.545; nothing where it has none."""
    if measured is None or not (isfinite(measured.low) or isfinite(measured.high)):
        return ""
    decimals = _decimals(measured)
    low, high = (
        f"{bound:,.{decimals}f}" if isfinite(bound) else UNBOUNDED
        for bound in (measured.low, measured.high)
    )
    return _signed(f"{low} to {high}")


def estimate(measured: Estimate | None) -> str:
    """Write a measured value with its interval: 0.512 (0.480 to 0.545)."""
    between = interval(measured)
    return f"{value(measured)} ({between})" if between else value(measured)


def _decimals(measured: Estimate) -> int:
    """Return how many decimals the interval allows, and no more than any of its numbers has."""
    finite = [x for x in (measured.value, measured.low, measured.high) if isfinite(x)]
    half_width = (max(finite) - min(finite)) / 2 or abs(max(finite, default=0))
    if half_width == 0:
        return 0
    allowed = 1 - floor(log10(half_width))
    return max(min(allowed, max(map(_decimals_of, finite)), _MAX_DECIMALS), 0)


def _decimals_of(number: float) -> int:
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return -exponent


def _signed(text: str) -> str:
    return text.replace("-", MINUS)
