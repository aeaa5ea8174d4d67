"""Images by the magnitudes of their spectra, which a shift leaves as they are.

A turn or a zoom of the image is the same turn, or the reciprocal zoom, of the spectrum; the query
is shown in some poses, so that one of them is near. An inverted image has the same magnitudes.

Reference: Reddy and Chatterji 1996, section II (doi:10.1109/83.506761).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

NUM_FEATURES = 64
_BAND = 10  # cycles a side, the highest frequency looked at
_FAINT = 0.05  # of the mean magnitude: below it nothing counts


def magnitudes(images: Tensor, weights: Tensor) -> Tensor:
    """Return log magnitudes of images (..., 32, 32) under a window: (..., 21, 11).

    Rows are frequencies from -10 to 10, columns from 0 to 10.
    """
    spectrum = torch.fft.rfft2(images * weights)[..., : _BAND + 1].abs()
    spectrum = torch.cat([spectrum[..., -_BAND:, :], spectrum[..., : _BAND + 1, :]], -2)
    return (spectrum + _FAINT * spectrum.mean((-2, -1), keepdim=True)).log()


def mirrored(spectra: Tensor) -> Tensor:
    """Return the magnitudes of the mirrored images under the mirrored window."""
    return spectra.flip(-2)


class Axes(NamedTuple):
    """Directions in which some vectors vary most.

    Attributes:
        centre: (d,).
        directions: (d, 64).
    """

    centre: Tensor
    directions: Tensor

    @classmethod
    def of(cls, vectors: Tensor) -> Axes:
        """Find the axes of vectors (n, d), float64 inside for the same result everywhere."""
        centre = vectors.double().mean(0)
        offsets = vectors.double() - centre
        _, directions = torch.linalg.eigh(offsets.T @ offsets)
        return cls(centre.float(), directions[:, -NUM_FEATURES:].float())

    def features(self, vectors: Tensor) -> Tensor:
        """Give vectors (..., d) as unit vectors along the axes: (..., 64)."""
        return F.normalize((vectors - self.centre) @ self.directions, dim=-1)


def standardised(values: Tensor) -> Tensor:
    """Flatten (..., h, w), take the mean off and bring to unit norm."""
    flat = values.flatten(-2)
    return F.normalize(flat - flat.mean(-1, keepdim=True), dim=-1)
