"""Near-duplicates in part: a half or a lung within another image, or a blend of two."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.controls.control import Change
from release.data import Pixels

_LUNG = (0.3, 0.47, 0.17, 0.3)  # column, row, half width and half height of the left one, of a side


def halves(hosts: Pixels) -> Mapping[str, Change]:
    """Put halves of images into hosts, (n, size, size), as many; by the half's name."""
    side = hosts.shape[1]
    row, column = np.mgrid[:side, :side]
    middle = side // 2
    return {
        "left": _within(hosts, column < middle),
        "right": _within(hosts, column >= middle),
        "upper": _within(hosts, row < middle),
        "lower": _within(hosts, row >= middle),
    }


def lung(hosts: Pixels) -> Change:
    """Put the lung on the left of images into hosts, softly."""
    side = hosts.shape[1]
    place = (np.arange(side) + 0.5) / side
    x, y, width, height = _LUNG
    radius = np.hypot(((place - x) / width)[None], ((place - y) / height)[:, None])
    return _within(hosts, np.clip(2 * (1.5 - radius), 0, 1))


def blended(hosts: Pixels, share: float) -> Change:
    """Mix images with hosts, of which one minus the share shows."""
    return _within(hosts, np.full(hosts.shape[1:], share))


def _within(hosts: Pixels, shown: NDArray[np.floating] | NDArray[np.bool_]) -> Change:
    """Show images where a mask (size, size) is one, and hosts where it is zero."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:  # noqa: ARG001
        mixed = shown * pixels + (1.0 - shown) * hosts[: len(pixels)]
        return np.rint(mixed).astype(np.uint8)

    return change
