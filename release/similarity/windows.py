"""Windows onto images of 32 x 32: the whole, the whole moved aside, halves and lungs.

Each is a smooth bump, so that what enters or leaves at its edge counts little. Two images are
compared through a pair of windows: the same one, or where a shift is looked for, opposite ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import pi
from typing import Literal

import torch
from torch import Tensor

SIDE = 32
ASIDE = 3.5  # pixels that a window moved aside lies from the middle

Kind = Literal["whole", "coarse", "half", "quarter"]


@dataclass(frozen=True, eq=False)
class Window:
    """A window on the query, and the one on a candidate that it is compared with.

    Attributes:
        kind: How much of the image it shows.
        weights: (32, 32), of the query's pixels, in [0, 1].
        opposite: (32, 32), of the candidate's.
        reach: Farthest shift, in pixels, that is tried.
    """

    kind: Kind
    weights: Tensor
    opposite: Tensor
    reach: int


def _bump(centre: float, half_width: float) -> Tensor:
    place = (torch.arange(SIDE) + 0.5 - centre).abs() / half_width
    return torch.cos(place.clamp(max=1) * pi / 2)


def _window(row: float, half_height: float, column: float, half_width: float) -> Tensor:
    return _bump(row, half_height)[:, None] * _bump(column, half_width)


def _same(kind: Kind, weights: Tensor, reach: int) -> Window:
    return Window(kind, weights, weights, reach)


_MIDDLE = SIDE / 2
WHOLE = _same("whole", _window(_MIDDLE, 17, _MIDDLE, 17), 6)
COARSE = _same("coarse", WHOLE.weights, 6)
MOVED = tuple(
    Window(
        "whole",
        _window(_MIDDLE + down, 13, _MIDDLE + right, 13),
        _window(_MIDDLE - down, 13, _MIDDLE - right, 13),
        6,
    )
    for down, right in product((-ASIDE, 0.0, ASIDE), repeat=2)
    if (down, right) != (0, 0)
)
PARTS = (
    _same("half", _window(_MIDDLE, 17, 8, 9), 3),
    _same("half", _window(_MIDDLE, 17, 24, 9), 3),
    _same("half", _window(8, 9, _MIDDLE, 17), 3),
    _same("half", _window(24, 9, _MIDDLE, 17), 3),
    _same("quarter", _window(15, 11, 9.5, 7), 3),
    _same("quarter", _window(15, 11, 22.5, 7), 3),
)
