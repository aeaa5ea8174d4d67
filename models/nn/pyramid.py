"""How feature maps shrink and widen: sides halve down to 4, channels double below 16."""

from __future__ import annotations

COARSEST = 4  # side of the smallest feature maps


def pyramid(finest: int, width: int) -> list[tuple[int, int]]:
    """List the side and the channels of each level, finest first.

    Args:
        finest: Side of the largest feature maps; a power of two, at least 4.
        width: Channels where the side is 16; half as many above, twice below.
    """
    sides = [finest]
    while sides[-1] > COARSEST:
        sides.append(sides[-1] // 2)
    return [
        (side, width // 2 if side > 16 else 2 * width if side < 16 else width) for side in sides
    ]
