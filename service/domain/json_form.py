"""The one way from a frozen record of the domain to JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any

_PLAIN = (str, bool, int, float)


def as_json(value: Any) -> Any:
    """Write a record, or whatever holds some, as JSON values.

    An optional field, one that is None by default, is left out where it is None: of several
    alternatives only the one that was chosen is written.
    """
    if value is None or isinstance(value, _PLAIN):  # most are
        return value
    if is_dataclass(value):
        return {
            name: as_json(content)
            for name, is_always_written in _fields(value.__class__)
            if (content := getattr(value, name)) is not None or is_always_written
        }
    if isinstance(value, Mapping):
        return {str(name): as_json(content) for name, content in value.items()}
    if isinstance(value, Sequence):
        return [as_json(content) for content in value]
    return value


@cache
def _fields(record: Any) -> list[tuple[str, bool]]:
    """List the fields of a record, and whether each is written though it is None."""
    return [(field.name, field.default is MISSING) for field in fields(record)]
