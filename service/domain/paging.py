"""Pages of a list, newest first, that stay put while new records arrive."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from service.domain.errors import InvalidRequest

T = TypeVar("T")

DEFAULT_LIMIT = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DIGITS = 18  # of a number that fits into 64 bits
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


class Listed(Protocol):
    """A record that can be listed."""

    @property
    def id(self) -> str:
        """Its identifier."""

    @property
    def created_at(self) -> datetime:
        """When it was made."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A stretch of a list, newest first.

    Attributes:
        items: The records.
        next_cursor: Pass it as `cursor` for the next page; None on the last one.
    """

    items: Sequence[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """The place in a list just after one record.

    Attributes:
        created_at: When that record was made.
        id: Its identifier, which orders records of the same moment.
    """

    created_at: datetime
    id: str

    @classmethod
    def after(cls, record: Listed) -> "Cursor":
        """Point behind a record."""
        return cls(record.created_at, record.id)

    @classmethod
    def parse(cls, text: str | None) -> "Cursor | None":
        """Read a cursor a client sent back, or raise InvalidRequest."""
        if text is None:
            return None
        microseconds, _, identifier = text.partition("-")
        try:
            created_at = _EPOCH + timedelta(microseconds=int(microseconds))
        except (ValueError, OverflowError):
            created_at = _LATEST
        if not identifier or created_at >= _LATEST or "\0" in text:
            raise InvalidRequest.at(
                "/query/cursor", "Pass the next_cursor of an earlier page unchanged."
            )
        return cls(created_at, identifier)

    def __str__(self) -> str:
        return f"{(self.created_at - _EPOCH) // timedelta(microseconds=1)}-{self.id}"


L = TypeVar("L", bound=Listed)


def page_of(found: Sequence[L], limit: int) -> Page[L]:
    """Cut a page from records read one beyond the limit."""
    more = len(found) > limit
    return Page(found[:limit], str(Cursor.after(found[limit - 1])) if more else None)


class Numbered(Protocol):
    """A record of a log, which has a number in it."""

    @property
    def sequence(self) -> int:
        """Its number, from 1."""


N = TypeVar("N", bound=Numbered)


def number_after(cursor: str | None) -> int | None:
    """Read the cursor of a numbered log: the number before which its page begins."""
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > _MAX_DIGITS:
        raise InvalidRequest.at(
            "/query/cursor", "Pass the next_cursor of an earlier page unchanged."
        )
    return int(cursor)


def numbered_page(found: Sequence[N], limit: int) -> Page[N]:
    """Cut a page from entries, newest first, read one beyond the limit."""
    more = len(found) > limit
    return Page(found[:limit], str(found[limit - 1].sequence) if more else None)
