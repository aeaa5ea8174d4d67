"""G0: are the images like real ones at all?

Privacy tests cannot see garbage: pure noise is as far from T as from H. So their verdict counts
only for sets that are valid: as dense among the held-out images as these are among each other, near
enough to them by KID, and with labels that mean something.

The bound on KID is relative, since its scale is that of the features and honest models are not
perfect: models that have learned images of 64 pixels in minutes measure 0.18 to 0.35 where real
images measure 0.05 at most against real ones, and an image of each class's mean measures 9.6, noise
2,000. On the scale from real images (0) to mean images (1) the honest ones lie below 0.04; the
bound of 0.2 keeps a wide margin to them, and a set that has learned one image per class stays far
beyond. The upper end of the interval must keep the bound. Labels must agree, by the lower end, at
least half as much beyond chance as those of real images do.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from release.fidelity.validity import Validity
from release.gate.policy import Policy
from release.gate.verdict import Finding
from release.similarity.knn import Array


def relative_kid(validity: Validity) -> float:
    """Where the upper end of the set's KID lies between real images (0) and mean images (1)."""
    scale = validity.kid_ceiling.value - validity.kid_floor.value
    return (validity.kid.high - validity.kid_floor.value) / scale if scale > 0 else np.inf


def relative_agreement(validity: Validity) -> float:
    """Where the lower end of the label agreement lies between chance (0) and real images (1).

    A set without labels agrees: there is nothing that could be wrong.
    """
    if validity.agreement is None:
        return 1.0
    scale = validity.real_accuracy.value - validity.chance.value
    return (validity.agreement.low - validity.chance.value) / scale if scale > 0 else -np.inf


def density_rank(of_set: Array, held_out: Array) -> float:
    """Which share of the held-out images is denser than the median image of the set, in [0, 1]."""
    return float((held_out < np.median(of_set)).mean())


def validity_of(
    densities: Mapping[str, tuple[Array, Array]], validity: Validity, policy: Policy
) -> Finding:
    """Judge whether the set is valid.

    Args:
        densities: By metric, of the set's images and of held-out ones, each left out of its own.
        validity: KID and label agreement of the set.
        policy: Says what is valid.
    """
    ranks = {name: density_rank(*pair) for name, pair in densities.items()}
    kid, agreement = relative_kid(validity), relative_agreement(validity)
    low, high = policy.density_range
    doubts = []
    if not all(low <= rank <= high for rank in ranks.values()):
        doubts.append("lie elsewhere than real images")
    if not kid <= policy.max_relative_kid:
        doubts.append("are too far from real ones by KID")
    if not agreement >= policy.min_relative_agreement:
        doubts.append("do not show what their labels say")
    text = "The images are like real ones."
    if doubts:
        text = f"The images {', '.join(doubts)}."
    return Finding(
        id="G0",
        name="validity",
        decision="inconclusive" if doubts else "passed",
        code="validity" if doubts else None,
        statistic=round(kid, 3) if np.isfinite(kid) else None,
        threshold=policy.max_relative_kid,
        p_value=None,
        text=text,
        public={
            "relative_agreement": round(agreement, 3) if np.isfinite(agreement) else None,
            "min_relative_agreement": policy.min_relative_agreement,
        },
        private={"density_ranks": ranks},
    )
