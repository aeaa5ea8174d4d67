"""Attributes of a DICOM JSON answer, and whether they are what was searched for.

Servers ignore what they do not search by (PS3.18, 8.3.4.1), so every answer is compared.

Reference: DICOM PS3.18 F.2 (DICOM JSON), PS3.4 C.2.2.2 (matching).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from pydicom.datadict import tag_for_keyword

_UID = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)
_LONGEST_UID = 64


def values(answer: Mapping[str, Any], keyword: str) -> list[str]:
    """Return the values of an attribute as text; none where the answer does not have it."""
    element = answer.get(f"{tag_for_keyword(keyword):08X}")
    found = element.get("Value") if isinstance(element, dict) else None
    return [_text(each) for each in found] if isinstance(found, list) else []


def uid(answer: Mapping[str, Any], keyword: str) -> str | None:
    """Return an identifier; None where the answer has none that is one."""
    found = values(answer, keyword)
    fits = len(found) == 1 and len(found[0]) <= _LONGEST_UID and _UID.fullmatch(found[0])
    return found[0] if fits else None


def is_known(keyword: str) -> bool:
    """Say whether the data dictionary has a keyword."""
    return tag_for_keyword(keyword) is not None


def matches(found: list[str], wanted: str) -> bool:
    """Say whether one of some values is what was searched for, `*` and `?` understood.

    Neither case nor accents count: servers differ in these.
    """
    parts = (
        {"*": ".*", "?": "."}.get(character, re.escape(character)) for character in _plain(wanted)
    )
    pattern = re.compile("".join(parts), re.DOTALL)
    return any(pattern.fullmatch(_plain(each)) for each in found or [""])


def in_range(found: list[str], date_range: str) -> bool:
    """Say whether a date YYYYMMDD is in a range; `20200101-` has no end."""
    first, hyphen, last = date_range.partition("-")
    last = last if hyphen else first
    return any(
        first <= day and (not last or day <= last) for day in found if len(day) == len("YYYYMMDD")
    )


def _text(value: Any) -> str:
    if isinstance(value, dict):  # the name of a person
        value = value.get("Alphabetic", "")
    return "" if value is None else str(value)


def _plain(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.strip())
    return "".join(each for each in parts if not unicodedata.combining(each)).casefold()
