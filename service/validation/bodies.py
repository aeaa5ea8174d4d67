"""What request bodies have in common: strictness, shared field types, JSON pointers to faults."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from models import registry
from service.domain.errors import FieldError

Id = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[a-z]+_[0-9a-z]+$")]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
ImageSize = Literal[64, 128, 256]
StoredSize = Literal[64, 128, 256, 512]
Seed = Annotated[int, Field(ge=0, lt=2**63, description="The same seed gives the same result.")]
Labels = Annotated[
    dict[Name, Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]],
    Field(max_length=16, description="Your own words about the job; returned with it."),
]


_MOST_LEVELS = 16  # of options; recursion over a body must end long before Python's limit


def _shallow(options: dict[str, Any]) -> dict[str, Any]:
    level: list[Any] = [options]
    for _ in range(_MOST_LEVELS):
        level = [part for each in level for part in _parts(each)]
    if level:
        raise ValueError(f"Options nest at most {_MOST_LEVELS} levels deep.")
    return options


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


Options = Annotated[dict[str, Any], AfterValidator(_shallow)]


class Strict(BaseModel):
    """A request body: unknown fields and lax types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def of_any_family(options: Callable[[str], type[BaseModel]]) -> dict[str, Any]:
    """Describe the options of every family; which of them apply is known once the family is."""
    shown = [(family, options(family).model_json_schema()) for family in registry.FAMILIES]
    return {"anyOf": [{**schema, "title": family} for family, schema in shown]}


def fields_at(base: str, error: ValidationError) -> list[FieldError]:
    """List what pydantic found wrong, below a place in the body."""
    return [
        FieldError(base + pointer(*found["loc"]), found["msg"])
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def pointer(*parts: str | int) -> str:
    """Write a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
