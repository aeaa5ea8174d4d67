"""G0: do the images resemble real ones at all?

Privacy tests cannot detect garbage: noise is as far from training as from holdout images. So their
verdict counts only for valid sets: as dense among the holdout images as these are among each other,
near enough to them by KID, and with labels that mean something.

The bound on KID is relative, since its scale is that of the features and honest models are not
perfect: models that have learned images of 64 pixels in minutes measure 0.18 to 0.35 where real
images measure 0.05 at most against real ones, and an image of each class's mean measures 9.6, noise
2,000. On the scale from real images (0) to mean images (1) the honest ones lie below 0.04; the
bound of 0.2 keeps a wide margin to them, and a set that has learned one image per class stays far
beyond. The upper end of the interval must keep the bound. Labels must agree, by the lower end, at
least half as much beyond chance as those of real images do.

That is doubt, and a set of few patients may be doubtful for want of power. Where even the lower end
of the interval exceeds the bound, of a set and a holdout of at least 50 images (the bootstrap of
fewer says little), the images are known not to look real: nobody gets to see them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from release.data import Array
from release.fidelity.validity import Validity
from release.gate.context import Check, Context
from release.gate.finding import BETTER_MODEL, Finding, Reason
from release.gate.policy import Policy

REASON = Reason(
    "validity", "the images are too far from real ones for privacy to mean anything", BETTER_MODEL
)

NOT_REAL = Reason(
    "validity", "the images do not look like real ones", BETTER_MODEL, hides_images=True
)
MIN_IMAGES_TO_KNOW = 50


def relative_kid(validity: Validity) -> float:
    """Where the upper end of the set's KID lies between real images (0) and mean images (1)."""
    scale = validity.kid_ceiling.value - validity.kid_floor.value
    return (validity.kid.high - validity.kid_floor.value) / scale if scale > 0 else np.inf


def least_relative_kid(validity: Validity) -> float:
    """Where the lower end of the set's KID lies on the same scale."""
    scale = validity.kid_ceiling.value - validity.kid_floor.value
    return (validity.kid.low - validity.kid_floor.value) / scale if scale > 0 else -np.inf


def relative_agreement(validity: Validity) -> float:
    """Where the lower end of the label agreement lies between chance (0) and real images (1).

    A set without labels agrees: there is nothing that could be wrong.
    """
    if validity.agreement is None:
        return 1.0
    scale = validity.real_accuracy.value - validity.chance.value
    return (validity.agreement.low - validity.chance.value) / scale if scale > 0 else -np.inf


def density_rank(of_set: Array, holdout: Array) -> float:
    """Which share of the holdout images is denser than the median image of the set, in [0, 1]."""
    return float((holdout < np.median(of_set)).mean())


def run(context: Context) -> Finding:
    """Judge the images that are kept."""
    index = context.index.by_metric
    densities = {
        name: (each.density, index[name].holdout.density)
        for name, each in context.left.statistics.items()
    }
    return judge(densities, context.candidate.validity, context.policy)


def judge(
    densities: Mapping[str, tuple[Array, Array]], validity: Validity, policy: Policy
) -> Finding:
    """Judge whether the set is valid.

    Args:
        densities: By metric, of the set's images and of holdout images, each without itself.
        validity: KID and label agreement of the set.
        policy: Says what is valid.
    """
    ranks = {name: density_rank(*pair) for name, pair in densities.items()}
    kid, agreement = relative_kid(validity), relative_agreement(validity)
    low, high = policy.density_range
    doubts = []
    if not all(low <= rank <= high for rank in ranks.values()):
        doubts.append("lie elsewhere than real images")
    if not np.isfinite(kid):
        doubts.append("could not be compared with real ones")
    elif not kid <= policy.max_relative_kid:
        doubts.append("are too far from real ones by KID")
    if not agreement >= policy.min_relative_agreement:
        doubts.append("do not show what their labels say")
    num_compared = min(len(part) for pair in densities.values() for part in pair)
    beyond = least_relative_kid(validity) > policy.max_relative_kid
    known = beyond and num_compared >= MIN_IMAGES_TO_KNOW
    near = "The images keep the policy's limits of nearness to real ones"
    text = f"The images {', '.join(doubts)}" if doubts else near
    return CHECK.finding(
        decision="inconclusive" if doubts else "passed",
        reason=NOT_REAL if known else REASON,
        statistic=round(kid, 3) if np.isfinite(kid) else None,
        threshold=policy.max_relative_kid,
        text=f"{text}: {_figures(kid, agreement, validity, policy)}.",
        public={
            "relative_agreement": round(agreement, 3) if np.isfinite(agreement) else None,
            "min_relative_agreement": policy.min_relative_agreement,
        },
        private={"density_ranks": ranks},
    )


def _figures(kid: float, agreement: float, validity: Validity, policy: Policy) -> str:
    if not np.isfinite(kid):
        return "too few images, or too few patients, for KID"
    of_kid = (
        f"KID reaches {kid:.2f} on the scale from real images (0) to the mean images of the "
        f"classes (1), where policy allows {policy.max_relative_kid:g}"
    )
    if validity.agreement is None or not np.isfinite(agreement):
        return of_kid
    return (
        f"{of_kid}; label agreement reaches {agreement:.2f} between chance (0) and real images "
        f"(1), where policy asks for {policy.min_relative_agreement:g}"
    )


CHECK = Check(
    id="G0",
    name="validity",
    null="The images resemble real ones, and show what their labels say.",
    statistic="Median density of the set within the leave-one-out densities of H; KID between that "
    "of real images and that of mean images; label agreement",
    decision="Outside the policy's limits no verdict is possible, since images that resemble "
    "nothing copy nothing; where that is sure, of 50 images or more, nobody may see them",
    run=run,
    reasons=(REASON, NOT_REAL),
)
