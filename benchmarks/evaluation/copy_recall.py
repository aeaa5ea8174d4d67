"""How many planted near-duplicates each metric finds, and how many fresh films it calls copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from release.metrics.closeness import closeness

from benchmarks.evaluation.real_films import RealFilms, Split
from release.controls.control import Control
from release.estimate import Estimate, share
from release.films import Folds, LabelledFilms, Pixels
from release.metrics.metric import Embedded, Metric

AUDIT_SHARE = 0.15  # of what is not held out for utility
NUM_DENSITY_NEIGHBOURS = 50
UNION = "union"


@dataclass(frozen=True)
class Row:
    """One kind of film, and the share that is flagged.

    Attributes:
        kind: A control, or "fresh films".
        num_films: How many.
        flagged: By each metric's name, and by the union of them.
        closeness: By each metric's name: the 95th percentile of the films' closeness (for fresh
            films the 5th), in units of the threshold.
    """

    kind: str
    num_films: int
    flagged: dict[str, Estimate]
    closeness: dict[str, float]


class Detector:
    """One metric's rule: flag what is nearer to T, in its own density, than all of H.

    Args:
        metric: Embeds films and finds neighbours.
        folds: T and H.
    """

    def __init__(self, metric: Metric, folds: Folds) -> None:
        self.metric = metric
        self._trained = metric.embed(folds.trained.pixels)
        self._audit = metric.embed(folds.audit.pixels)
        patients = folds.audit.patients
        self.threshold = float(self._closeness(self._audit, (patients, patients)).min())

    def closeness(self, pixels: Pixels) -> NDArray[np.float64]:
        """Films' closeness in units of the threshold: a film is flagged below 1."""
        return self._closeness(self.metric.embed(pixels)) / self.threshold

    def _closeness(
        self,
        films: Embedded,
        apart: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    ) -> NDArray[np.float64]:
        return closeness(
            self.metric, films, self._trained, self._audit, NUM_DENSITY_NEIGHBOURS, apart=apart
        )


def folds_of(films: RealFilms, seed: int) -> Folds:
    """Divide films: held-out ones are U, and 15 % of the other groups are H."""
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.unique(films.training.groups))
    audit = np.isin(films.training.groups, groups[: round(AUDIT_SHARE * len(groups))])
    return Folds(
        classes=films.classes,
        trained=_labelled(films.training.where(~audit)),
        coins=np.zeros(int((~audit).sum()), np.bool_),
        audit=_labelled(films.training.where(audit)),
        utility=_labelled(films.held_out),
        fingerprint=f"{films.fingerprint}-{seed}",
    )


def recall(
    detectors: Sequence[Detector], folds: Folds, controls: Sequence[Control], num: int, seed: int
) -> list[Row]:
    """Plant near-duplicates of training films, one kind after the other, and add fresh films."""
    rng = np.random.default_rng(seed)
    films = folds.trained.pixels[rng.permutation(len(folds.trained))[:num]]
    rows = [_row(each.name, detectors, each.plant(films, seed), 95) for each in controls]
    return [*rows, _row("fresh films", detectors, folds.utility.pixels, 5)]


def _row(kind: str, detectors: Sequence[Detector], pixels: Pixels, percentile: float) -> Row:
    found = {each.metric.name: each.closeness(pixels) for each in detectors}
    flags = {name: values < 1 for name, values in found.items()}
    flags[UNION] = np.any(list(flags.values()), axis=0)
    return Row(
        kind,
        len(pixels),
        {name: share(int(flagged.sum()), len(pixels)) for name, flagged in flags.items()},
        {name: float(np.percentile(values, percentile)) for name, values in found.items()},
    )


def _labelled(films: Split) -> LabelledFilms:
    return LabelledFilms(films.pixels, films.labels, films.groups)
