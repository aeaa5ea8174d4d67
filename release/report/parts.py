"""What all parts of a report are made of: frozen, strict, each value with its interval."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A frozen part of the report; unknown fields, NaN and infinity are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, from_attributes=True
    )


class Interval(Part):
    """A measured value and its 95 % interval; None where a number is not finite."""

    value: float | None
    low: float | None
    high: float | None


Measured = Interval | float | None
