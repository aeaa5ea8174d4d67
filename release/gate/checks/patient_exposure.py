"""G4: is a training patient shown far more often than holdout patients are?

See `release.gate.filtering`, which drops the images around such a patient.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.gate.context import Check, Context
from release.gate.finding import Finding
from release.gate.policy import Policy


def run(context: Context) -> Finding:
    """Count the images that were dropped and not flagged."""
    dropped = ~context.kept & ~context.neighbours.flagged
    return judge(dropped, context.num_over_represented, context.policy)


def judge(dropped: NDArray[np.bool_], num_patients: int, policy: Policy) -> Finding:
    """Report how many images were dropped, and to the owner alone around how many patients.

    Args:
        dropped: (n,), images around an over-represented patient.
        num_patients: Over-represented patients.
        policy: Says by which chance.
    """
    num_dropped = int(dropped.sum())
    return CHECK.finding(
        decision="reported",
        statistic=num_dropped,
        threshold=policy.exposure_alpha,
        text=f"{num_dropped} images were dropped because too many of them are like one patient.",
        public={"num_dropped": num_dropped},
        private={"num_patients": num_patients},
    )


CHECK = Check(
    id="G4",
    name="exposure",
    null="No training patient is nearest to more images than holdout patients are, by the laws "
    "fitted to these.",
    statistic="How many images have one patient as their nearest",
    decision="Two laws are fitted to the patients of H, a negative binomial and a power law "
    "(Weissman 1978). Images around a patient of T beyond both are dropped; it is no exact test, "
    "and refuses no set",
    run=run,
)
