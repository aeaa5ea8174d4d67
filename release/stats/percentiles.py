"""Where a value lies among others."""

from __future__ import annotations

import numpy as np

from release.data import Array


def percentiles(values: Array, among: Array) -> Array:
    """Return the share of others below each value, in percent; equal ones count half.

    Args:
        values: (n,).
        among: (m,), one at least.

    Reference: Langford 2006 (doi:10.1080/10691898.2006.11910589), the mid-rank.
    """
    ordered = np.sort(among)
    below = np.searchsorted(ordered, values, side="left")
    not_above = np.searchsorted(ordered, values, side="right")
    shares: Array = 50.0 * (below + not_above) / len(ordered)
    return shares
