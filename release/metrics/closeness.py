"""How near the training films are to a film, in the film's own held-out density."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.films import Folds
from release.metrics.metric import Embedded, Metric, Patients

NEAR_DUPLICATE = 0.1  # closeness, by pixels: on real films, one radiograph stored twice or no pair


def closeness(
    metric: Metric,
    queries: Embedded,
    trained: Embedded,
    audit: Embedded,
    num_density_neighbours: int,
    *,
    apart: Patients | None = None,
) -> NDArray[np.float64]:
    """Divide each film's distance to T by its mean distance to its nearest films in H.

    Args:
        metric: What embedded the films.
        queries: (q,) films.
        trained: T.
        audit: H.
        num_density_neighbours: How many of H the density is taken from.
        apart: Where the queries are H itself: its patients, twice, so that no film is its own
            neighbour.

    Returns:
        (q,), from 0 for a copy to about 1 for a film that T is no nearer to than H.
    """
    distances = metric.nearest(queries, trained, 1).distances[:, 0].astype(np.float64)
    around = metric.nearest(queries, audit, num_density_neighbours, apart=apart).distances
    density = np.where(np.isfinite(around), around, np.nan)
    ratio: NDArray[np.float64] = distances / np.maximum(np.nanmean(density, 1), 1e-9)
    return ratio


def truly_held_out(metric: Metric, folds: Folds, num_density_neighbours: int) -> NDArray[np.bool_]:
    """Find the audit films of which T holds no near duplicate.

    A film that was stored twice, under two names and in other greys, is no more held out than its
    double is: it would set the threshold that copies are found by.

    Args:
        metric: `pixels`.
        folds: The folds.
        num_density_neighbours: As for the gate.

    Returns:
        (len(folds.audit),), False for the audit films to leave out.
    """
    audit = metric.embed(folds.audit.pixels)
    patients = folds.audit.patients
    trained = metric.embed(folds.trained.pixels)
    found = closeness(
        metric, audit, trained, audit, num_density_neighbours, apart=(patients, patients)
    )
    return found >= NEAR_DUPLICATE
