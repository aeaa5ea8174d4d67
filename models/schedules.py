"""Learning-rate schedules: from the fraction of a stage done to a multiplier."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[float], float]


def warmup_cosine(fraction: float, warmup: float = 0.02) -> float:
    """Rise linearly over the first `warmup` of the stage, then fall to zero along a cosine.

    Reference: Loshchilov & Hutter 2017, eq. 5, without restarts (arXiv:1608.03983).
    """
    if fraction < warmup:
        return fraction / warmup
    return 0.5 * (1 + math.cos(math.pi * (fraction - warmup) / (1 - warmup)))
