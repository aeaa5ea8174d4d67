"""The folds of a dataset: what a model learns from, what a release is judged by."""

from __future__ import annotations

from enum import IntEnum


class Fold(IntEnum):
    """Which part an image plays; whole patient groups play the same.

    Whether a group of the audit pool is trained on was decided by one fair coin, so the two audit
    folds are exchangeable until a model has learned from one of them: the null hypothesis of
    every test for membership, and of an audit in one run (Steinke et al. 2023, arXiv:2305.08846).
    """

    REMAINDER = 0  # trained on, outside the audit pool
    AUDIT_IN = 1  # of the audit pool, trained on
    AUDIT_OUT = 2  # of the audit pool, never trained on: what a release is audited with
    UTILITY = 3  # seen by nobody before a finished set's usefulness is tested


TRAINED = (Fold.REMAINDER, Fold.AUDIT_IN)
HELD_OUT = (Fold.AUDIT_OUT, Fold.UTILITY)
