"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from synthcxr.client.options import Interpolation, Mixture, PreviewColumn

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Where the service answers; by default as --profile, SYNTHCXR_URL or the profile in "
        "use says, or http://127.0.0.1:8765.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow the job to its end.")]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", metavar="SECONDS", min=0, help="Wait so long at most; the job goes on."
    ),
]
_NUMBER = re.compile(r"\d*\.?\d+(?:[eE][+-]?\d+)?")
_PAIR = re.compile(r"([^=].*?)=\s*([\d.+\-eE]+)\s*(?:,|$)")
_NEXT_KEY = re.compile(r",(?=\s*\w+\s*=)")  # a comma within a value is the value's
Seed = Annotated[int | None, typer.Option(min=0, help="Same seed, same result.")]


def class_counts(text: str) -> dict[str, int]:
    """Read `COVID=100,Normal=100`, or the same as JSON: `{"COVID": 100, "Normal": 100}`.

    Args:
        text: Comma-separated `label=count`. A label may hold blanks, commas and `=`; one that
            itself looks like a pair, as `a=1,b`, needs JSON.

    Raises:
        typer.BadParameter: It is written otherwise.
    """
    counts: dict[str, int] = {}
    for label, number in _pairs(text, "LABEL=COUNT, as in COVID=100"):
        if not number.isdecimal() or int(number) < 1:
            raise typer.BadParameter(f"{label}={number} is not LABEL=COUNT, as in COVID=100")
        if label in counts:
            raise typer.BadParameter(f"{label!r} is named twice")
        counts[label] = int(number)
    return counts


def _pairs(text: str, form: str) -> list[tuple[str, str]]:
    """Return labels with what is behind their `=`; a comma after no number is a label's."""
    if text.lstrip().startswith("{"):
        try:
            return [(str(label), str(number)) for label, number in json.loads(text).items()]
        except (AttributeError, ValueError):
            pass  # a label that begins so
    pairs = [(label.strip(), number) for label, number in _PAIR.findall(text)]
    if not pairs or _PAIR.sub("", text).strip() or not all(label for label, _ in pairs):
        raise typer.BadParameter(f"{text.strip()!r} is not {form}")
    return pairs


def mixture(text: str) -> Mixture:
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


def interpolation(text: str) -> Interpolation:
    """Read `COVID:1:2:8`, or `COVID=0.6,Normal=0.4:1:2:8`.

    Args:
        text: A label or weights, the seeds of the first and last image, the number of images.

    Raises:
        typer.BadParameter: It is written otherwise.
    """
    of, *numbers = text.rsplit(":", 3)
    if not of or len(numbers) < 3 or not all(number.isdecimal() for number in numbers):
        raise typer.BadParameter(f"{text!r} is not LABEL:FROM:TO:STEPS, as in COVID:1:2:8")
    from_seed, to_seed, steps = map(int, numbers)
    if _PAIR.search(of):
        return {
            "weights": _weights(of),
            "from_seed": from_seed,
            "to_seed": to_seed,
            "steps": steps,
        }
    return {"label": of, "from_seed": from_seed, "to_seed": to_seed, "steps": steps}


def json_object(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Raises:
        typer.BadParameter: It holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise typer.BadParameter(f"{path} holds no JSON object")
    return content


def _weights(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for label, number in _pairs(text, "LABEL=WEIGHT, as in COVID=0.6"):
        weight = float(number) if _NUMBER.fullmatch(number) else 0.0
        if not 0 < weight <= 1:
            raise typer.BadParameter(f"{label}={number} is not LABEL=WEIGHT, as in COVID=0.6")
        if label in weights:
            raise typer.BadParameter(f"{label!r} is named twice")
        weights[label] = weight
    return weights


def preview_column(text: str, seed: int | None = None) -> PreviewColumn:
    """Read `seed=7,guidance=3,num_steps=16`.

    Args:
        text: Comma-separated `key=value` of the sampler's options and `seed`.
        seed: Where the text names none.

    Raises:
        typer.BadParameter: It is written otherwise.
    """
    sampler = settings(_NEXT_KEY.split(text)) if text else {}
    column: PreviewColumn = {"sampler": sampler}
    seed = sampler.pop("seed", seed)
    if seed is not None:
        if type(seed) is not int or seed < 0:
            raise typer.BadParameter(f"{text!r}: a seed is a whole number, as in seed=7")
        column["seed"] = seed
    return column


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
