"""Values of DICOM elements, whatever their number and type."""

from __future__ import annotations

from typing import Any

import pydicom


def text(elements: pydicom.Dataset, keyword: str) -> str:
    """Return the first value as stripped text; empty where there is none."""
    value = _first(elements, keyword)
    return "" if value is None else str(value).strip(" \0")


def number(elements: pydicom.Dataset, keyword: str) -> float | None:
    """Return the first value as a number; None where there is none."""
    value = _first(elements, keyword)
    return None if value is None or value == "" else float(value)


def integer(elements: pydicom.Dataset, keyword: str, default: int | None = None) -> int:
    """Return the first value as an integer.

    Raises:
        ValueError: There is none, and no default.
    """
    value = _first(elements, keyword)
    if value is None or value == "":
        if default is None:
            raise ValueError(f"{keyword} is missing")
        return default
    return int(value)


def _first(elements: pydicom.Dataset, keyword: str) -> Any:
    value = elements.get(keyword)
    if isinstance(value, (list, tuple, pydicom.multival.MultiValue)):
        return value[0] if len(value) else None
    return value
