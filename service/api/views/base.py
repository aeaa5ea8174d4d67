"""Bodies of answers: what the views of all records share, problems, and pages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from service import examples
from service.domain.errors import Problem

V = TypeVar("V")


def rfc3339(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class View(BaseModel):
    """What a client reads of a record."""

    model_config = ConfigDict(from_attributes=True, protected_namespaces=())


def attributes(view: type[View], record: object) -> dict[str, Any]:
    """Return the attributes of a record that a view has fields for."""
    return {name: getattr(record, name) for name in view.model_fields if hasattr(record, name)}


def shown(example: Mapping[str, Any]) -> ConfigDict:
    """Configure a view that shows an example in openapi.yaml."""
    return ConfigDict(json_schema_extra={"examples": [dict(example)]})


class FieldErrorView(View):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON pointer into the body, or /query/..., /header/...")
    detail: str


class ProblemView(View):
    """Why a request or a job failed (RFC 9457); docs/errors.md explains each code."""

    model_config = shown(examples.PROBLEM)

    type: str
    title: str
    status: int | None = Field(description="HTTP status; null where a job failed, not a request.")
    detail: str
    code: str
    retryable: bool = Field(description="Whether the same request may succeed later.")
    request_id: str | None
    errors: list[FieldErrorView]

    @classmethod
    def of(
        cls, problem: Problem, status: int | None = None, request_id: str | None = None
    ) -> "ProblemView":
        """Show a problem."""
        return cls(
            type=f"/problems/{problem.code}",
            title=problem.code.replace("_", " ").capitalize(),
            status=status,
            detail=problem.detail,
            code=problem.code,
            retryable=problem.retryable,
            request_id=request_id,
            errors=[FieldErrorView.model_validate(field) for field in problem.fields],
        )


class Page(View, Generic[V]):
    """A stretch of a list, newest first."""

    items: list[V]
    next_cursor: str | None = Field(description="Pass it as `cursor`; null on the last page.")
