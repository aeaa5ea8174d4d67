"""Membership inference against a model: while it trains, and on its weights in the end.

Both compare patients of the audit pool that were randomly included in the training with those that
were not, one image of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.family import Family
from models.training.monitor import MembershipMonitor, standard_errors
from models.training_images import as_images
from radiographs.splits.split import Split
from radiographs.store.pixel_store import PixelStore, SplitImages
from release.cancellation import check_cancelled
from release.gate.checks import white_box
from release.gate.image_complexity import calibrated, complexity
from release.gate.policy import Policy
from service.domain.model_card import WhiteBoxAudit

IMAGES_AT_ONCE = 64
MIN_PATIENTS = 20  # included, and excluded
MONITORED_PATIENTS = 32  # likewise: as many as are scored while the model trains


@dataclass(frozen=True, eq=False)
class MembershipAudit:
    """Membership scores of n audit patients, one image of each.

    Attributes:
        scores: By part of the model, (n,), higher where the part fits better; calibrated, see
            `release.gate.image_complexity`.
        membership_score: (n,), of the model as a whole; None where it has no score.
        included: (n,), whose images were trained on.
    """

    scores: Mapping[str, NDArray[np.float64]]
    membership_score: NDArray[np.float64] | None
    included: NDArray[np.bool_]

    def white_box(self) -> WhiteBoxAudit:
        """Test whether the weights may be released."""
        found = white_box.judge(self.scores, self.included, Policy())
        return WhiteBoxAudit(
            statistic=found.statistic,
            p_value=found.p_value,
            text=found.text,
            passed=found.public["weights_can_be_released"],
            min_detectable_share=found.public["min_detectable_share"],
            scores=tuple(found.public["asked"]),
        )

    def standard_errors(self) -> float | None:
        """Return by how many standard errors included patients score above excluded ones."""
        if self.membership_score is None:
            return None
        return standard_errors(
            torch.from_numpy(self.membership_score[self.included]),
            torch.from_numpy(self.membership_score[~self.included]),
        )


def audit_membership(model: Family[Any, Any], store: PixelStore) -> MembershipAudit | None:
    """Score the audit patients by every fitted part of a model.

    Args:
        model: Trained on the store's images.
        store: Holds the audit pool.

    Returns:
        None where no part has a score, or the audit pool has too few patients.
    """
    images = _audit_images(store, model.spec.size)
    if images is None:
        return None
    device = next(model.parameters()).device
    described = complexity(images.pixels, images.labels)
    scores = {}
    for part in model.fitted_parts():
        if part.score is not None:
            seen = _audit_images(store, part.size) if part.size else images
            assert seen is not None, "there are as many patients at any size"
            raw = _scores(part.score, seen, device)
            assert raw is not None
            scores[part.name] = calibrated(raw, described)
    if not scores:
        return None
    return MembershipAudit(
        scores, _scores(model.membership_score, images, device), _included(images)
    )


def membership_monitor(
    store: PixelStore, size: int, device: torch.device
) -> MembershipMonitor | None:
    """Prepare to audit a model while it trains; None where the pool has too few patients."""
    images = _audit_images(store, size)
    if images is None:
        return None
    sides = []
    for side in (_included(images), ~_included(images)):
        places = np.flatnonzero(side)
        num_images = min(len(places), MONITORED_PATIENTS)
        some = places[np.linspace(0, len(places) - 1, num_images).astype(int)]
        labels = torch.from_numpy(images.labels[some]).to(device)
        sides += [as_images(images.pixels[some], device), labels]
    return MembershipMonitor(*sides)


def _scores(
    score: Callable[[Tensor, Tensor], Tensor | None], audited: SplitImages, device: torch.device
) -> NDArray[np.float64] | None:
    """Score images, some at a time: (n,); None where there is no such score."""
    scores = []
    for start in range(0, len(audited.labels), IMAGES_AT_ONCE):
        check_cancelled()
        some = slice(start, start + IMAGES_AT_ONCE)
        images = as_images(audited.pixels[some], device)
        with torch.inference_mode():
            values = score(images, torch.from_numpy(audited.labels[some]).to(device))
        if values is None:
            return None
        scores.append(values.double().cpu().numpy())
    return np.concatenate(scores)


def _audit_images(store: PixelStore, size: int) -> SplitImages | None:
    """Read one image of each audit patient, unless they are too few."""
    images = store.images_of(Split.INCLUDED, Split.HOLDOUT, size=size)
    first = np.unique(images.groups, return_index=True)[1]
    images = SplitImages(
        images.pixels[first], images.labels[first], images.groups[first], images.splits[first]
    )
    included = _included(images)
    return images if min(included.sum(), (~included).sum()) >= MIN_PATIENTS else None


def _included(images: SplitImages) -> NDArray[np.bool_]:
    """Return which images belong to patients included in the training, (n,)."""
    return np.asarray(images.splits == Split.INCLUDED)
