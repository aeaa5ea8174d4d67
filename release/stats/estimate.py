"""A measurement and its uncertainty: a measurement never travels without it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan
from typing import Annotated, ClassVar

from pydantic import AllowInfNan, BeforeValidator, PlainSerializer


def to_json(number: float) -> float | None:
    """Round to six digits; JSON has neither NaN nor infinity."""
    return float(f"{number:.6g}") + 0.0 if isfinite(number) else None  # never -0.0


def from_json(number: float | None) -> float:
    """Read what `to_json` wrote; what was not finite is NaN."""
    return nan if number is None else number


Number = Annotated[
    float,
    AllowInfNan(),
    BeforeValidator(from_json),
    PlainSerializer(to_json, return_type=float | None),
]


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval; NaN or infinite where there is no such number."""

    confidence: ClassVar[float] = 0.95
    value: Number
    low: Number
    high: Number

    def to_json(self) -> dict[str, float | None]:
        """Return JSON values, of six digits; what is not finite becomes None."""
        return {name: to_json(number) for name, number in vars(self).items()}
