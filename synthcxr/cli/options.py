"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

Url = Annotated[
    str,
    typer.Option("--url", envvar="SYNTHCXR_URL", help="Where the service answers."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow the job to its end.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Same seed, same result.")]


def class_counts(text: str) -> dict[str, int]:
    """Read `COVID=100,Normal=100`.

    Args:
        text: Comma-separated `label=count`; a label may hold spaces, not commas.

    Raises:
        typer.BadParameter: It is written otherwise.
    """
    counts: dict[str, int] = {}
    for pair in text.split(","):
        label, _, number = (part.strip() for part in pair.rpartition("="))
        if not label or not number.isdecimal() or int(number) < 1:
            raise typer.BadParameter(f"{pair.strip()!r} is not LABEL=COUNT, as in COVID=100")
        if label in counts:
            raise typer.BadParameter(f"{label!r} is named twice")
        counts[label] = int(number)
    return counts


def mixture(text: str) -> dict[str, Any]:
    """Read `COVID=0.6,Normal=0.4:10`.

    Args:
        text: Comma-separated `label=weight`, a colon, the number of images.

    Raises:
        typer.BadParameter: It is written otherwise.
    """
    of, _, count = text.rpartition(":")
    if not of or not count.isdecimal():
        raise typer.BadParameter(
            f"{text!r} is not LABEL=WEIGHT,...:N, as in COVID=0.6,Normal=0.4:10"
        )
    return {"weights": _weights(of), "count": int(count)}


def interpolation(text: str) -> dict[str, Any]:
    """Read `COVID:1:2:8`, or `COVID=0.6,Normal=0.4:1:2:8`.

    Args:
        text: A label or weights, the seeds of the first and last image, the number of images.

    Raises:
        typer.BadParameter: It is written otherwise.
    """
    of, *numbers = text.rsplit(":", 3)
    if not of or len(numbers) < 3 or not all(number.isdecimal() for number in numbers):
        raise typer.BadParameter(f"{text!r} is not LABEL:FROM:TO:STEPS, as in COVID:1:2:8")
    fixed = {"weights": _weights(of)} if "=" in of else {"label": of}
    names = ("from_seed", "to_seed", "steps")
    return {**fixed, **dict(zip(names, map(int, numbers), strict=True))}


def _weights(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for pair in text.split(","):
        label, _, number = (part.strip() for part in pair.rpartition("="))
        try:
            weight = float(number)
        except ValueError:
            weight = 0.0
        if not label or not 0 < weight <= 1:
            raise typer.BadParameter(f"{pair.strip()!r} is not LABEL=WEIGHT, as in COVID=0.6")
        if label in weights:
            raise typer.BadParameter(f"{label!r} is named twice")
        weights[label] = weight
    return weights


def settings(pairs: list[str]) -> dict[str, Any]:
    """Read `learning_rate=0.001`, `objective=hinge`.

    Args:
        pairs: `key=value` each; the value is JSON, or else a plain string.

    Raises:
        typer.BadParameter: A pair has no `=`.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE, as in learning_rate=0.001")
        try:
            values[key] = json.loads(value)
        except ValueError:
            values[key] = value
    return values
