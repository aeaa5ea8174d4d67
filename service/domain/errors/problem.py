"""What every error is: a problem with a code, and how to mend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from service.domain.quoting import bounded

_MAX_FIELDS = 50
_MAX_FIELD_BYTES = 512


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request.

    Attributes:
        pointer: JSON pointer (RFC 6901) into the body, such as `/class_counts/covid`.
        detail: What is wrong and what was expected.

    Both are made printable and cut, since they may quote what a client sent.
    """

    pointer: str
    detail: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "pointer", bounded(self.pointer, _MAX_FIELD_BYTES))
        object.__setattr__(self, "detail", bounded(self.detail, _MAX_FIELD_BYTES))


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure in words a client can act on; the stored form of an error.

    Attributes:
        code: Stable name, explained in docs/errors.md.
        detail: What happened, what was expected and what to do.
        retryable: Whether the same request may succeed later.
        fields: The fields at fault, if any; the first fifty.

    The detail is made printable and cut at 2 KB, since it may quote what a client sent.
    """

    code: str
    detail: str
    retryable: bool = False
    fields: tuple[FieldError, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", bounded(self.detail))
        object.__setattr__(self, "fields", tuple(self.fields[:_MAX_FIELDS]))


class SyntheticDataError(Exception):
    """Base of every error this service raises on purpose."""

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.fields = tuple(fields)

    def problem(self) -> Problem:
        """Return the error as a record."""
        return Problem(self.code, self.message, self.retryable, self.fields)
