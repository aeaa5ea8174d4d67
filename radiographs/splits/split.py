"""The splits of a dataset: training, holdout and test."""

from __future__ import annotations

from enum import IntEnum


class Split(IntEnum):
    """Which split an image is in; all images of a patient are in the same.

    The audit pool is the included patients and the holdout: one fair random bit per patient decides
    which of the two. So they are exchangeable until a model has learned from the included ones,
    which is the null hypothesis of every membership test, and of an audit in one run (Steinke et
    al. 2023, arXiv:2305.08846).
    """

    TRAIN = 0  # trained on, outside the audit pool
    INCLUDED = 1  # of the audit pool, trained on
    HOLDOUT = 2  # of the audit pool, never trained on: the gate compares with it
    TEST = 3  # used by nothing but the utility test of a finished set


TRAINED = (Split.TRAIN, Split.INCLUDED)
