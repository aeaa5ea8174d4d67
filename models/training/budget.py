"""How long a training may take, in images or in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Exactly one of the two.

    Attributes:
        images: Training images to see, counted with repetition.
        seconds: Wall-clock time to spend; turned into updates by a short measured trial before
            each stage, so that schedules end where the time does.
    """

    images: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.images is None) == (self.seconds is None):
            raise ValueError("A budget is either in images or in seconds.")
