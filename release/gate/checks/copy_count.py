"""G1: are there more copies of training images than chance explains?

See `release.gate.copy_counts` for the law of the counts.
"""

from __future__ import annotations

from math import isfinite

from release.gate.context import Check, Context, GateStage
from release.gate.copy_counts import MIN_CERTAIN, CopyCounts
from release.gate.finding import OTHER_MODEL, Finding, Reason
from release.gate.policy import Policy

REASON = Reason(
    "memorises", "too many of the generated images are copies of training images", OTHER_MODEL
)


def run(context: Context) -> Finding:
    """Judge all images that were generated, also those replaced because they were flagged."""
    return judge(context.counts, context.policy)


def judge(counts: CopyCounts, policy: Policy) -> Finding:
    """Judge how many images were flagged."""
    overall, p = counts.overall, counts.p_value
    by_chance = overall.num_images * overall.excess * overall.ranks[0] / (overall.num_patients + 1)
    certain = counts.num_certain >= MIN_CERTAIN
    refused = p < policy.alpha / 3 or certain or overall.num_near[0] == overall.num_images
    return CHECK.finding(
        decision="refused" if refused else "passed",
        statistic=overall.num_near[0],
        threshold=policy.alpha / 3,
        p_value=p,
        text=f"{overall.num_near[0]} of {overall.num_images} images generated were as near to a "
        "training image as the nearest of the real images of other patients are; of images that "
        f"copy nobody {_at_most(by_chance)} would be, on average"
        + ("; two or more are copies beyond doubt." if certain else "."),
        public={
            "num_drawn": overall.num_images,
            "num_flagged": overall.num_near[0],
            "excess": overall.excess,
        },
        private={
            "num_certain": counts.num_certain,
            "all": vars(overall),
            "by_class": {label: vars(count) for label, count in counts.by_class.items()},
        },
    )


def _at_most(number: float) -> str:
    """Write an expected count; it has no bound where nothing is known of a class."""
    return f"{number:.1f}" if isfinite(number) else "any number"


CHECK = Check(
    id="G1",
    name="copies",
    null="The images lie no nearer to training images than real images of other patients do.",
    statistic="The closeness of an image is the least over all detectors, each in units of what "
    "the nearest real images have by it. Images as near as few real ones are counted at three "
    "thresholds, over all images and in each class; below the first threshold an image is flagged "
    "and dropped",
    decision="Real images say what is honest: one of each patient of T and H, compared with T "
    "without the patient's own images. So the count among *n* images is beta-binomial(*n*; *j*, "
    "*m* + 1 - *j*), *j* the threshold's rank among *m* patients; the smallest p is multiplied by "
    "the number of tests. Where a class is shown rho times as often as among the real images, rho "
    "bounds the law. Two copies beyond doubt refuse the set whatever was counted",
    run=run,
    reasons=(REASON,),
    stage=GateStage.NOTHING_KEPT,
)
