"""Corrects the smallest of several p-values for their number."""

from __future__ import annotations

from collections.abc import Iterable


def bonferroni(p_values: Iterable[float], num_times: int = 1) -> float:
    """Return the smallest p-value times how many there are, at most 1; 1 where there is none.

    Args:
        p_values: Of all tests.
        num_times: How often all of them are made.
    """
    tests = list(p_values)
    return min(1.0, num_times * len(tests) * min(tests)) if tests else 1.0
