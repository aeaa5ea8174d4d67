"""Does a model tell who was in its training? Asked while it trains, and of the weights in the end.

Both ask by the fair coin that each patient of the audit pool had when the films were ingested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.family import Family
from models.films import as_images
from models.training.watch import Watch, standard_errors
from radiographs.folds import Fold
from radiographs.pixel_store import FoldedFilms, PixelStore
from release.policy import Policy
from release.privacy.white_box import white_box

FILMS_AT_ONCE = 64
MIN_PATIENTS = 20  # brought in by a coin, and kept out by it
WATCHED_PATIENTS = 32  # likewise: as many as are looked at while the model trains


@dataclass(frozen=True, eq=False)
class Audit:
    """How well a trained model knows one film of each patient who had a coin.

    Attributes:
        scores: (n,), higher where the model fits better.
        coins: (n,), who came in.
    """

    scores: NDArray[np.float64]
    coins: NDArray[np.bool_]

    def white_box(self) -> dict[str, Any]:
        """Say whether the weights may leave: the finding's public half, as JSON values."""
        public = asdict(white_box({"familiarity": self.scores}, self.coins, Policy()))
        del public["private"]
        return public

    def standard_errors(self) -> float:
        """Say by how many standard errors the model knows better what it was trained on."""
        return standard_errors(
            torch.from_numpy(self.scores[self.coins]), torch.from_numpy(self.scores[~self.coins])
        )


def audit(model: Family[Any, Any], store: PixelStore, check: Callable[[], None]) -> Audit | None:
    """Ask the model how well it knows films that a coin brought into its training or kept out.

    Args:
        model: Trained on the store's films.
        store: Says what the coins showed.
        check: Called often; raises to give up.

    Returns:
        None where the model has no score of its own, or too few patients had a coin.
    """
    films = _audited(store, model.spec.size)
    if films is None:
        return None
    device = next(model.parameters()).device
    scores = []
    for start in range(0, len(films.labels), FILMS_AT_ONCE):
        check()
        some = slice(start, start + FILMS_AT_ONCE)
        images = as_images(films.pixels[some], device)
        with torch.inference_mode():
            told = model.familiarity(images, torch.from_numpy(films.labels[some]).to(device))
        if told is None:
            return None
        scores.append(told.double().cpu().numpy())
    return Audit(np.concatenate(scores), _came_in(films))


def watch(store: PixelStore, size: int, device: torch.device) -> Watch | None:
    """Prepare to look into a training; None where too few patients had a coin."""
    films = _audited(store, size)
    if films is None:
        return None
    sides = []
    for side in (_came_in(films), ~_came_in(films)):
        places = np.flatnonzero(side)
        num_films = min(len(places), WATCHED_PATIENTS)
        some = places[np.linspace(0, len(places) - 1, num_films).astype(int)]
        labels = torch.from_numpy(films.labels[some]).to(device)
        sides += [as_images(films.pixels[some], device), labels]
    return Watch(*sides)


def _audited(store: PixelStore, size: int) -> FoldedFilms | None:
    """Read one film of each patient who had a coin, unless they are too few."""
    films = store.films_of(Fold.AUDIT_IN, Fold.AUDIT_OUT, size=size)
    first = np.unique(films.groups, return_index=True)[1]
    films = FoldedFilms(
        films.pixels[first], films.labels[first], films.groups[first], films.folds[first]
    )
    came_in = _came_in(films)
    return films if min(came_in.sum(), (~came_in).sum()) >= MIN_PATIENTS else None


def _came_in(films: FoldedFilms) -> NDArray[np.bool_]:
    return np.asarray(films.folds == Fold.AUDIT_IN)
