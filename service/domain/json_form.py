"""The one way from a frozen record of the domain to JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any


def as_json(value: Any) -> Any:
    """Write a record, or whatever holds some, as JSON values.

    An optional field, one that is None by default, is left out where it is None: of several
    alternatives only the one that was chosen is written.
    """
    if is_dataclass(value):
        found = {field.name: (getattr(value, field.name), field.default) for field in fields(value)}
        return {
            name: as_json(content)
            for name, (content, default) in found.items()
            if content is not None or default is MISSING
        }
    if isinstance(value, Mapping):
        return {str(name): as_json(content) for name, content in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [as_json(content) for content in value]
    return value
