"""Metrics whose distance is 1 - the inner product of two unit vectors."""

from __future__ import annotations

import numpy as np
import torch

from release.similarity.metric import Embedded, Metric, Pairs, Vectors


class Correlation(Metric):
    """A metric that embeds images as unit vectors; the search is exact."""

    def likeness(self, queries: Embedded, among: Embedded) -> Vectors:
        """Correlate all with all."""
        ours, theirs = torch.from_numpy(queries.vectors), torch.from_numpy(among.vectors)
        found: Vectors = (ours @ theirs.T).numpy()
        return found

    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        """Take each pair's correlation off 1."""
        ours, theirs = queries.vectors[pairs.queries], among.vectors[pairs.images]
        # rounding takes the correlation of equal images a little past 1
        found: Vectors = np.clip(1 - np.einsum("pd,pd->p", ours, theirs), 0, 2)
        return found
