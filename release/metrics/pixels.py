"""phi1: two films are alike as far as their pixels agree once one is laid over the other."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from release.films import Pixels
from release.metrics.fairness import LearnedFrom
from release.metrics.metric import Embedded, Neighbours, Patients
from release.metrics.registration import SIDE, registered_correlation
from release.metrics.shortlist import shortlist
from release.metrics.standardised import area_means, standardised

VERSION = "pixels/1"  # raise it when a distance changes
NUM_SHORTLISTED = 50
_QUERIES_AT_ONCE = 4  # what they are compared with stays in the processor's cache


class PixelMetric:
    """Registered correlation, in two stages.

    All films are compared in 8 x 8 cells; the most alike are then registered at 32 px over flips,
    zooms, turns and shifts. So the distance is found for few films, and a copy is missed when 50
    other films look more like it in the cells. Films are smoothed before, lest noise hide a copy.
    """

    name = "pixels"
    learned_from = LearnedFrom()

    @property
    def digest(self) -> str:
        """SHA-256 of the method's version; it has no weights."""
        return hashlib.sha256(VERSION.encode()).hexdigest()

    def embed(self, pixels: Pixels) -> Embedded:
        """Bring films to 64x64, smooth them, and give them mean 0 and unit norm."""
        return Embedded(standardised(_smoothed(area_means(pixels, SIDE)).flatten(1)).numpy())

    def nearest(
        self, queries: Embedded, among: Embedded, k: int, *, apart: Patients | None = None
    ) -> Neighbours:
        """Find the k films most alike among the 50, or k if more, on the shortlist."""
        ours, theirs = _films(queries), _films(among)
        listed = shortlist(ours, theirs, max(k, NUM_SHORTLISTED), apart)
        correlations = torch.empty(listed.shape)
        for start in range(0, len(ours), _QUERIES_AT_ONCE):
            some = slice(start, start + _QUERIES_AT_ONCE)
            correlations[some] = registered_correlation(ours[some], theirs[listed[some]])
        distances = np.where(listed < 0, np.inf, (1 - correlations).numpy()).astype(np.float32)
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        return Neighbours(
            np.take_along_axis(distances, order, 1), np.take_along_axis(listed, order, 1)
        )


def _films(embedded: Embedded) -> Tensor:
    return torch.from_numpy(embedded.vectors).view(-1, SIDE, SIDE) * SIDE  # of deviation 1


def _smoothed(films: Tensor) -> Tensor:
    """Weigh each pixel 1/2 and its neighbours 1/4, along rows and along columns."""
    weights = torch.tensor([0.25, 0.5, 0.25])
    padded = F.pad(films.unsqueeze(1), [1] * 4, mode="replicate")
    along_rows = F.conv2d(padded, weights.view(1, 1, 1, 3))
    return F.conv2d(along_rows, weights.view(1, 1, 3, 1)).squeeze(1)
