"""phi1: two images are alike as far as their pixels agree once one is laid over the other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from release.data import Pixels
from release.similarity.learned_from import LearnedFrom
from release.similarity.metric import Embedded, Metric, Pairs, Vectors
from release.similarity.poses import SIDE
from release.similarity.registration import Middles, registered_correlation
from release.similarity.shortlist import likeness, middle_cells
from release.similarity.standardised import area_means, standardised

VERSION = "pixels/2"  # raise it when a distance changes
NUM_SHORTLISTED = 50
_QUERIES_AT_ONCE = 8  # what they are compared with stays in the processor's cache
_IMAGES_AT_ONCE = 512


class PixelMetric(Metric):
    """Registered correlation, in two stages.

    All images are compared in 8 x 8 cells; the most alike are then registered at 32 px over flips,
    zooms, turns and shifts. So the distance is found for few images, and a copy is missed when 50
    other images look more like it in the cells. Images are smoothed before, lest noise hide a copy.
    """

    name = "pixels"
    digest = hashlib.sha256(VERSION.encode()).hexdigest()  # the method has no weights
    learned_from = LearnedFrom()
    num_listed = NUM_SHORTLISTED

    def embed(self, pixels: Pixels) -> Embedded:
        """Bring images to 64x64, smooth them, and keep what either side of a pair is asked for."""
        vectors = torch.empty(len(pixels), sum(_WIDTHS))
        for start in range(0, len(pixels), _IMAGES_AT_ONCE):
            some = slice(start, start + _IMAGES_AT_ONCE)
            smooth = _smoothed(area_means(pixels[some], SIDE))
            images = SIDE * standardised(smooth.flatten(1)).view_as(smooth)  # of deviation 1
            middles = Middles.of(images)
            parts = (images, middle_cells(images), middles.fine, middles.coarse)
            torch.cat([part.flatten(1) for part in parts], 1, out=vectors[some])
        return Embedded(vectors.numpy())

    def likeness(self, queries: Embedded, among: Embedded) -> Vectors:
        """Compare all with all in cells."""
        return likeness(_images(queries), _parts(among)[1].contiguous())

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
