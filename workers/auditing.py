"""At the end of a training: does the model, once its weights are known, tell who was in it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.family import Family
from radiographs.folds import Fold
from radiographs.pixel_store import FoldedFilms, PixelStore
from release.policy import Policy
from release.privacy.white_box import white_box

FILMS_AT_ONCE = 64
MIN_PATIENTS = 20  # brought in by a coin, and kept out by it


def white_box_audit(
    model: Family[Any, Any], store: PixelStore, check: Callable[[], None]
) -> dict[str, Any] | None:
    """Ask the model how well it knows films that a coin brought into its training or kept out.

    Args:
        model: Trained on the store's films.
        store: Says what the coins showed.
        check: Called often; raises to give up.

    Returns:
        The finding's public half as JSON values; None where the model has no score of its own, or
        too few patients had a coin.
    """
    films = _one_of_each_patient(
        store.films_of(Fold.AUDIT_IN, Fold.AUDIT_OUT, size=model.spec.size)
    )
    coins = films.folds == Fold.AUDIT_IN
    if min(coins.sum(), (~coins).sum()) < MIN_PATIENTS:
        return None
    scores = _familiarity(model, films, check)
    if scores is None:
        return None
    finding = white_box({"familiarity": scores}, coins, Policy())
    public = asdict(finding)
    del public["private"]
    return public


def _one_of_each_patient(films: FoldedFilms) -> FoldedFilms:
    first = np.unique(films.groups, return_index=True)[1]
    return FoldedFilms(
        films.pixels[first], films.labels[first], films.groups[first], films.folds[first]
    )


def _familiarity(
    model: Family[Any, Any], films: FoldedFilms, check: Callable[[], None]
) -> NDArray[np.float64] | None:
    device = next(model.parameters()).device
    scores = []
    for start in range(0, len(films.labels), FILMS_AT_ONCE):
        check()
        some = slice(start, start + FILMS_AT_ONCE)
        images = torch.from_numpy(films.pixels[some]).float().unsqueeze(1) / 127.5 - 1
        with torch.inference_mode():
            told = model.familiarity(
                images.to(device), torch.from_numpy(films.labels[some]).to(device)
            )
        if told is None:
            return None
        scores.append(told.double().cpu().numpy())
    return np.concatenate(scores)
