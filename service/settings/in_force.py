"""What is in force here, and where it comes from; secrets are masked."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from service.settings.environment import PREFIX
from service.settings.settings import Settings

MASK = "**********"
_QUERY_VALUE = re.compile(r"=[^&]*")


@dataclass(frozen=True)
class InForce:
    """One setting.

    Attributes:
        variable: Its name in the environment.
        value: Its value, as JSON has it.
        source: default, or the variable or file that it comes from.
    """

    variable: str
    value: Any
    source: str


def in_force(settings: Settings, environment: Mapping[str, str] = os.environ) -> Iterator[InForce]:
    """List every setting by name."""
    values = settings.model_dump(mode="json")  # pydantic masks what is a secret by its type
    for name in sorted(values):
        variable = f"{PREFIX}{name.upper()}"
        file = environment.get(f"{variable}_FILE")
        source = "default"
        if variable in environment:
            source = "variable"
        elif file and f"{name}_file" not in Settings.model_fields:
            source = f"file {file}"
        value = values[name]
        yield InForce(variable, _masked(value) if name.endswith("_url") else value, source)


def as_lines(found: Iterator[InForce]) -> str:
    """Write a line for each, those that are not defaults first."""
    ordered = sorted(found, key=lambda each: (each.source == "default", each.variable))
    width = max(len(each.variable) for each in ordered)
    lines = (f"{each.variable:{width}}  {_text(each.value)}  ({each.source})" for each in ordered)
    return "".join(f"{line}\n" for line in lines)


def as_json(found: Iterator[InForce]) -> str:
    """Write them for programs."""
    return json.dumps([asdict(each) for each in found], indent=2) + "\n"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _masked(url: str | None) -> str | None:
    """Mask the password of a URL, and whatever its query holds: drivers take passwords there."""
    if url is None:
        return None
    parts = urlsplit(url)
    user, colon, _ = parts.netloc.rpartition("@")[0].partition(":")
    if colon:
        host = parts.netloc.rpartition("@")[2]
        parts = parts._replace(netloc=f"{user}:{MASK}@{host}")
    return parts._replace(query=_QUERY_VALUE.sub(f"={MASK}", parts.query)).geturl()
