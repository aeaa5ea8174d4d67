"""What the command line prints: results to stdout, the way there to stderr."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console

from synthcxr.resources import View

stderr = Console(stderr=True, highlight=False, markup=False)


def say(line: str) -> None:
    """Print a line for a person who watches."""
    stderr.print(line, soft_wrap=True)


def print_view(view: View) -> None:
    """Print one resource in full, as JSON."""
    print(view.model_dump_json(indent=2))


def print_views(views: Iterable[View], columns: Sequence[str], *, as_json: bool) -> None:
    """Print a list as a table, or as JSON.

    Args:
        views: The resources.
        columns: Names of the fields that the table shows.
        as_json: Whether to print every field as JSON instead.
    """
    if as_json:
        print(json.dumps([view.model_dump(mode="json") for view in views], indent=2))
        return
    cells = [columns, *([_cell(view, column) for column in columns] for view in views)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def _cell(view: View, column: str) -> str:
    """Show a field: a resource inside a resource in its own words."""
    value = getattr(view, column, None)
    if isinstance(value, View):
        return str(value)
    return _text(view.model_dump(mode="json", include={column}).get(column))


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
