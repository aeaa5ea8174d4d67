"""What the command line prints: results to stdout, the way there to stderr."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console

from synthcxr.resources import View

stderr = Console(stderr=True, highlight=False, markup=False)


class Form(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


Output = Annotated[
    Form,
    typer.Option("--output", help="table for people; json or csv, which is not cut, for programs."),
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="List so many at most.")]
DEFAULT_LIMIT = 100


def say(line: str) -> None:
    """Print a line for a person who watches."""
    stderr.print(line, soft_wrap=True)


def print_view(view: View) -> None:
    """Print one resource in full, as JSON."""
    print(view.model_dump_json(indent=2))


def print_views(
    views: Iterable[View],
    columns: Sequence[str],
    form: Form = Form.TABLE,
    *,
    as_json: bool = False,
    limit: int | None = None,
) -> None:
    """Print a list as a table, as JSON or as CSV, and say where it goes on.

    Args:
        views: The resources.
        columns: Names of the fields that the table and CSV show.
        form: How to print them; JSON has every field.
        as_json: The same as `form` JSON.
        limit: How many to print at most; None for all.
    """
    found = iter(views)
    shown = list(islice(found, limit))
    if as_json or form is Form.JSON:
        print(json.dumps([view.model_dump(mode="json") for view in shown], indent=2))
    elif form is Form.CSV:
        _print_csv(shown, columns)
    else:
        _print_table([columns, *([_cell(view, column) for column in columns] for view in shown)])
    if limit is not None and next(found, None) is not None:
        say(f"The first {limit}; there are more: --limit.")


def _print_table(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def _print_csv(views: Sequence[View], columns: Sequence[str]) -> None:
    """Print RFC 4180: what is no plain value is JSON in its cell."""
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for view in views:
        values = view.model_dump(mode="json", include=set(columns))
        writer.writerow([_csv_cell(values.get(column)) for column in columns])


def _csv_cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list | bool) else value


def _cell(view: View, column: str) -> str:
    """Show a field: a resource inside a resource in its own words, and nothing that moves a cursor.

    Names are other people's: one could hold a line's end or the control codes of a terminal.
    """
    value = getattr(view, column, None)
    if not isinstance(value, View):
        value = view.model_dump(mode="json", include={column}).get(column)
    return "".join(char if char.isprintable() else "�" for char in _text(value))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_count(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _count(value: Any) -> Any:
    return value.get("images", value) if isinstance(value, dict) else value
