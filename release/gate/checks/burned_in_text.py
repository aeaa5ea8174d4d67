"""G9: do the images show legible text, such as a name, a date or a number?

A model that was trained on images with text may draw text. Whose it is cannot be known, so legible
text refuses a set, whatever it says; an isolated marker such as L or R is none. The detector is
that of the ingest (`radiographs.burned_in_text`) and learned nothing from real images.

It errs now and then: of FALSE_RATE of real images without text, or less, it says that they have
some. So a count that this explains at LEVEL passes, as long as each find is weak. Text in
CERTAIN_WINDOWS windows or more is beyond doubt, and one such image refuses the set.

The texture of a generator may look like text, oftener than FALSE_RATE. But a model can only draw
text that it has seen. So where the images that it learned from show none, as the same detector
judges them, finds are reported, and only text beyond doubt in more images than TEXTURE_RATE
explains refuses the set. What a model learned from and is not at hand, public images of an
earlier model, counts as text.

How many images the model learned from is not published, and nor is how many of them show text.
"""

from __future__ import annotations

from dataclasses import replace

from release.data import Pixels
from release.gate.checks.validity import relative_kid
from release.gate.context import Check, Context, GateStage
from release.gate.finding import Finding, Reason
from release.gate.legible_text import CERTAIN_WINDOWS, FALSE_RATE, TEXTURE_RATE, TextFound
from release.gate.verdict import Decision

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
    candidate, learned = context.candidate, context.index.learned_text
    pixels = candidate.pixels[context.kept]
    finding = judge(pixels, learned, learned_elsewhere=candidate.learned_elsewhere)
    resembles_real = relative_kid(candidate.validity) <= context.policy.max_relative_kid
    if finding.decision == "refused" and not resembles_real:
        return replace(finding, decision="reported", reason=None)
    return finding


def judge(pixels: Pixels, learned: TextFound, *, learned_elsewhere: bool = False) -> Finding:
    """Look for text in images.

    Args:
        pixels: Of the set, (n, size, size).
        learned: What was found in the images that the model learned from.
        learned_elsewhere: Whether it also learned from images that were not searched.
    """
    found = TextFound.in_images(pixels)
    text = (
        f"Text was found in {found.num} of {len(pixels)} images, beyond doubt in "
        f"{found.num_certain or 'none'} of them; up to {found.by_chance} are put down to chance. "
    )
    may_know_text = learned.is_text or learned_elsewhere
    refused = found.is_text if may_know_text else found.is_more_than_texture
    text += _about(learned, learned_elsewhere=learned_elsewhere)
    decision: Decision = "refused" if refused else "reported" if found.is_text else "passed"
    return CHECK.finding(
        decision=decision,
        statistic=found.num,
        threshold=found.by_chance,
        text=text,
        private={
            "with_text": [k for k, windows in enumerate(found.windows) if windows],
            "learned_from": len(learned.windows),
            "learned_from_with_text": learned.num,
        },
    )


def _about(learned: TextFound, *, learned_elsewhere: bool) -> str:
    if learned.is_text:
        return "Images that the model learned from show text as well."
    if learned_elsewhere:
        return (
            "Those that the model learned from show none, but an earlier model that it started "
            "from learned from public images, which were not searched."
        )
    if learned.num:
        return (
            "In images that the model learned from there are a few weak finds, no more than false "
            "ones explain."
        )
    return "The images that the model learned from show none."


CHECK = Check(
    id="G9",
    name="burnt-in text",
    null="No image shows legible text beyond a marker of one or two letters.",
    statistic="The number of images in which the detector of burnt-in text finds a line of three "
    "legible letters or digits, or more",
    decision=f"Held against the binomial law of false finds, at most {FALSE_RATE:.1%} of images; "
    f"text beyond doubt, in {CERTAIN_WINDOWS} overlapping windows or more, in a single image "
    "refuses the set. Where all images that the model learned from are at hand, and show no text "
    "by the same rule, only finds beyond doubt count, and are held against a rate of "
    f"{TEXTURE_RATE:.0%}. Of images that are not near real ones by KID it is reported alone",
    run=run,
    reasons=(REASON,),
    stage=GateStage.INVALID_DISTANCES,
)
