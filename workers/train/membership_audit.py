"""Does a model tell who was in its training? Asked while it trains, and of the weights in the end.

Both ask by the fair coin that each patient of the audit pool had when the images were ingested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.family import Family
from models.training.monitor import Watch, standard_errors
from models.training_images import as_images
from radiographs.splits.split import Fold
from radiographs.store.pixel_store import FoldedImages, PixelStore
from release.policy import Policy
from release.privacy.score_calibration import calibrated, complexity
from release.privacy.white_box import white_box

IMAGES_AT_ONCE = 64
MIN_PATIENTS = 20  # brought in by a coin, and kept out by it
WATCHED_PATIENTS = 32  # likewise: as many as are looked at while the model trains


@dataclass(frozen=True, eq=False)
class Audit:
    """What each part of a trained model makes of one image of each patient who had a coin.

    Attributes:
        scores: By part, (n,), higher where the part fits better; calibrated, see
            `release.privacy.score_calibration`.
        familiarity: (n,), how well the model as a whole knows them; None where it cannot say.
        coins: (n,), who came in.
    """

    scores: Mapping[str, NDArray[np.float64]]
    familiarity: NDArray[np.float64] | None
    coins: NDArray[np.bool_]

    def white_box(self) -> dict[str, Any]:
        """Say whether the weights may leave: the finding's public half, as JSON values."""
        public = asdict(white_box(self.scores, self.coins, Policy()))
        del public["private"]
        return public

    def standard_errors(self) -> float | None:
        """Say by how many standard errors the model knows better what it was trained on."""
        if self.familiarity is None:
            return None
        return standard_errors(
            torch.from_numpy(self.familiarity[self.coins]),
            torch.from_numpy(self.familiarity[~self.coins]),
        )


def audit(model: Family[Any, Any], store: PixelStore, check: Callable[[], None]) -> Audit | None:
    """Ask every fitted part of a model about images that a coin brought in or kept out.

    Args:
        model: Trained on the store's images.
        store: Says what the coins showed.
        check: Called often; raises to give up.

    Returns:
        None where no part has a score, or too few patients had a coin.
    """
    images = _audited(store, model.spec.size)
    if images is None:
        return None
    device = next(model.parameters()).device
    described = complexity(images.pixels, images.labels)
    scores = {}
    for part in model.fitted_parts():
        if part.score is not None:
            told = _scores(part.score, images, device, check)
            assert told is not None
            scores[part.name] = calibrated(told, described)
    if not scores:
        return None
    return Audit(scores, _scores(model.familiarity, images, device, check), came_in(images))


def _scores(
    score: Callable[[Tensor, Tensor], Tensor | None],
    audited: FoldedImages,
    device: torch.device,
    check: Callable[[], None],
) -> NDArray[np.float64] | None:
    """Score images, some at a time: (n,); None where there is no such score."""
    told = []
    for start in range(0, len(audited.labels), IMAGES_AT_ONCE):
        check()
        some = slice(start, start + IMAGES_AT_ONCE)
        images = as_images(audited.pixels[some], device)
        with torch.inference_mode():
            values = score(images, torch.from_numpy(audited.labels[some]).to(device))
        if values is None:
            return None
        told.append(values.double().cpu().numpy())
    return np.concatenate(told)


def watch(store: PixelStore, size: int, device: torch.device) -> Watch | None:
    """Prepare to look into a training; None where too few patients had a coin."""
    audited = _audited(store, size)
    if audited is None:
        return None
    sides = []
    for side in (came_in(audited), ~came_in(audited)):
        places = np.flatnonzero(side)
        num_images = min(len(places), WATCHED_PATIENTS)
        some = places[np.linspace(0, len(places) - 1, num_images).astype(int)]
        labels = torch.from_numpy(audited.labels[some]).to(device)
        sides += [as_images(audited.pixels[some], device), labels]
    return Watch(*sides)


def _audited(store: PixelStore, size: int) -> FoldedImages | None:
    """Read one image of each patient who had a coin, unless they are too few."""
    images = store.images_of(Fold.AUDIT_IN, Fold.AUDIT_OUT, size=size)
    first = np.unique(images.groups, return_index=True)[1]
    images = FoldedImages(
        images.pixels[first], images.labels[first], images.groups[first], images.folds[first]
    )
    members = came_in(images)
    return images if min(members.sum(), (~members).sum()) >= MIN_PATIENTS else None


def came_in(images: FoldedImages) -> NDArray[np.bool_]:
    """Say of each image whether a coin brought its patient into the training, (n,)."""
    return np.asarray(images.folds == Fold.AUDIT_IN)
