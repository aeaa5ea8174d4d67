"""G9: do the images show legible text, such as a name, a date or a number?

A model that was trained on images with text may draw text. Whose it is cannot be known, so legible
text refuses a set, whatever it says; an isolated marker such as L or R is none. The detector is
that of the ingest (`radiographs.burned_in_text`) and learned nothing from real images.

It errs now and then: of FALSE_RATE of real images without text, or less, it says that they have
some. So a count that this explains at LEVEL passes, as long as each find is weak. Text in
CERTAIN_WINDOWS windows or more is beyond doubt, and one such image refuses the set.
"""

from __future__ import annotations

from dataclasses import replace

from scipy.stats import binom

from radiographs.burned_in_text.detector import find_text
from release.cancellation import check_cancelled
from release.data import Pixels
from release.gate.checks.validity import relative_kid
from release.gate.context import Check, Context, Stage
from release.gate.finding import Finding, Reason

FALSE_RATE = 0.004  # above the upper end of what was measured, see docs/burned-in-text.md
LEVEL = 0.001
CERTAIN_WINDOWS = 6

REASON = Reason(
    "text",
    "the images show legible text, such as names or numbers",
    (
        "mask the text in the training images with burned_in_text=mask, and train again",
        "leave the training images with text out with burned_in_text=drop, and train again",
    ),
)


def run(context: Context) -> Finding:
    """Judge the images that are kept.

    What a model draws that has learned little is taken for text, as noise is. So text refuses only
    what is near real images by KID; no other set is released anyway (G0).
    """
    finding = judge(context.candidate.pixels[context.kept])
    resembles_real = relative_kid(context.candidate.validity) <= context.policy.max_relative_kid
    if finding.decision == "refused" and not resembles_real:
        return replace(finding, decision="reported", reason=None)
    return finding


def judge(pixels: Pixels) -> Finding:
    """Look for text in images, (n, size, size)."""
    evidence = [_evidence(image) for image in pixels]
    num_with_text = sum(windows > 0 for windows in evidence)
    num_certain = sum(windows >= CERTAIN_WINDOWS for windows in evidence)
    by_chance = int(binom.isf(LEVEL, len(pixels), FALSE_RATE)) if len(pixels) else 0
    found = f"Text was found in {num_with_text} of {len(pixels)} images"
    return CHECK.finding(
        decision="refused" if num_certain or num_with_text > by_chance else "passed",
        statistic=num_with_text,
        threshold=by_chance,
        text=f"{found}, beyond doubt in {num_certain or 'none'} of them; up to {by_chance} are "
        "put down to chance.",
        private={"with_text": [k for k, windows in enumerate(evidence) if windows]},
    )


def _evidence(image: Pixels) -> int:
    """Return the most windows that any text in an image has; 0 without text."""
    check_cancelled()
    return max((box.num_windows for box in find_text(image)), default=0)


CHECK = Check(
    id="G9",
    name="burnt-in text",
    null="No image shows legible text beyond a marker of one or two letters.",
    statistic="The number of images in which the detector of burnt-in text finds a line of three "
    "legible letters or digits, or more",
    decision=f"Held against the binomial law of false finds, at most {FALSE_RATE:.1%} of images; "
    f"text beyond doubt, in {CERTAIN_WINDOWS} overlapping windows or more, in a single image "
    "refuses the set. Of images that are not near real ones by KID it is reported alone",
    run=run,
    reasons=(REASON,),
    stage=Stage.INVALID_DISTANCES,
)
