"""Registered correlation: how far pixels agree once one image is laid over the other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from release.data import Pixels
from release.similarity.cell_similarity import cell_similarity, middle_cells
from release.similarity.knn import Vectors
from release.similarity.metric import Embedded, LearnedFrom, Metric, Pairs
from release.similarity.preprocessing import area_means, standardised
from release.similarity.registration import SIDE, Middles, registered_correlation

VERSION = "pixels/2"  # raise it when a distance changes
NUM_CANDIDATES = 50
_QUERIES_AT_ONCE = 8  # what they are compared with stays in the processor's cache


class PixelMetric(Metric):
    """Registered correlation, in two stages.

    All images are compared in 8 x 8 cells; the most similar are then registered at 32 px over
    flips, zooms, turns and shifts. So the distance is found for few images, and a copy is missed
    when 50 other images look more like it in the cells. Images are smoothed before, lest noise hide
    a copy.
    """

    name = "pixels"
    digest = hashlib.sha256(VERSION.encode()).hexdigest()  # the method has no weights
    learned_from = LearnedFrom()
    num_candidates = NUM_CANDIDATES

    def _embed(self, pixels: Pixels) -> Vectors:
        """Bring images to 64x64, smooth them, and keep what either side of a pair is asked for."""
        smooth = _smoothed(area_means(pixels, SIDE))
        images = SIDE * standardised(smooth.flatten(1)).view_as(smooth)  # of deviation 1
        middles = Middles.of(images)
        parts = (images, middle_cells(images), middles.fine, middles.coarse)
        vectors: Vectors = torch.cat([part.flatten(1) for part in parts], 1).numpy()
        return vectors

    def similarity(self, queries: Embedded, among: Embedded) -> Vectors:
        """Compare all with all in cells."""
        return cell_similarity(_images(queries), _parts(among)[1].contiguous())

    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        """Register pairs."""
        images, (_, _, fine, coarse) = _images(queries), _parts(among)
        middles = Middles(fine.view(len(fine), 2, -1), coarse.view(len(coarse), 2, -1))
        whose, which = (torch.from_numpy(each) for each in pairs)
        correlations = torch.empty(len(whose))
        for start in range(0, len(images), _QUERIES_AT_ONCE):
            some = slice(start, start + _QUERIES_AT_ONCE)
            theirs = slice(*np.searchsorted(pairs.queries, (some.start, some.stop)))
            if theirs.start < theirs.stop:
                correlations[theirs] = registered_correlation(
                    images[some], middles, whose[theirs] - start, which[theirs]
                )
        found: Vectors = (1 - correlations).numpy()
        return found


def _parts(embedded: Embedded) -> Sequence[Tensor]:
    return torch.split(torch.from_numpy(embedded.vectors), _WIDTHS, 1)


def _images(embedded: Embedded) -> Tensor:
    return _parts(embedded)[0].view(-1, SIDE, SIDE)


def _smoothed(images: Tensor) -> Tensor:
    """Weigh each pixel 1/2 and its neighbours 1/4, along rows and along columns."""
    padded = F.pad(images.unsqueeze(1), [1] * 4, mode="replicate").squeeze(1)
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 16


_WIDTHS = [SIDE**2, 64, 2 * 26**2, 2 * 13**2]  # of what stands in an image's vector
