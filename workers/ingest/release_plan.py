"""Which sets of a dataset can pass, found at its ingest: see `service.domain.release_plan`."""

from __future__ import annotations

import numpy as np

from radiographs.splits.split import TRAINED, Split
from radiographs.store.image_table import ImageTable
from release.gate.policy import Policy
from release.gate.power_limits import power_limits
from release.report.disclosure import rounded_count
from service.domain.release_plan import ReleasePlan


def release_plan(images: ImageTable) -> ReleasePlan:
    """Find the limits of a dataset's training and holdout images."""
    chosen = np.isin(images.splits, (*TRAINED, Split.HOLDOUT))
    patients = images.groups[chosen]
    limits = power_limits(
        images.labels[chosen], patients, images.trained[chosen], images.classes, Policy()
    )
    return ReleasePlan(
        rounded_count(len(np.unique(patients))),
        limits.membership,
        limits.max_membership,
        limits.class_shares,
        limits.num_needed,
        limits.max_excess,
    )
