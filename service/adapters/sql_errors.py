"""Failures of the database in our words: unreachable, busy, not migrated, full, damaged."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import exc

from service.domain.errors import (
    RecordsBusy,
    RecordsFull,
    RecordsNotMigrated,
    RecordsUnavailable,
)

_log = structlog.get_logger()

_UNREACHABLE = (
    "The database cannot be reached. Check that it runs and that SYNTHCXR_DATABASE_URL names it, "
    "then send the request again."
)
BUSY = (
    "Others use the database for longer than a request waits. Send the request again; if this "
    "persists, end what holds the database, or use PostgreSQL (SYNTHCXR_DATABASE_URL)."
)
_NOT_MIGRATED = "The database does not have this version's schema. Run `synthcxr migrate`."
_FULL = (
    "The disk of the database is full; nothing half-written was kept. Free some space, then send "
    "the request again."
)
_DAMAGED = "The database file is damaged. Stop the service and restore it from a backup."
_CLOSED = (
    "The database file cannot be read or written. Check that the disk is well, and that the file "
    "is there and belongs to the user of the service; then send the request again."
)
_OF_SQLITE = {
    sqlite3.SQLITE_BUSY: RecordsBusy(BUSY),
    sqlite3.SQLITE_LOCKED: RecordsBusy(BUSY),
    sqlite3.SQLITE_FULL: RecordsFull(_FULL),
    sqlite3.SQLITE_CORRUPT: RecordsUnavailable(_DAMAGED),
    sqlite3.SQLITE_NOTADB: RecordsUnavailable(_DAMAGED),
}
_OF_POSTGRESQL = {
    "42P01": RecordsNotMigrated(_NOT_MIGRATED),  # undefined_table
    "42703": RecordsNotMigrated(_NOT_MIGRATED),  # undefined_column
    "53100": RecordsFull(_FULL),  # disk_full
    "53300": RecordsBusy(BUSY),  # too_many_connections
    "55P03": RecordsBusy(BUSY),  # lock_not_available
    "25P03": RecordsBusy(BUSY),  # idle_in_transaction_session_timeout
    "40001": RecordsBusy(BUSY),  # serialization_failure
    "40P01": RecordsBusy(BUSY),  # deadlock_detected
}


@contextmanager
def unavailable_by_name() -> Iterator[None]:
    """Turn a database that cannot serve into RecordsUnavailable of the right kind."""
    try:
        yield
    except (exc.IntegrityError, exc.DataError):
        raise  # a fault of ours, not of the database
    except (exc.DBAPIError, exc.TimeoutError) as error:
        found = _named(error)
        _log.warning("database_error", code=found.code, cause=_cause(error))
        raise type(found)(found.message) from error


def _named(error: exc.DBAPIError | exc.TimeoutError) -> RecordsUnavailable:
    if isinstance(error, exc.TimeoutError):  # of the pool
        return RecordsBusy(BUSY)
    if isinstance(error.orig, sqlite3.Error):
        if "no such table" in str(error.orig) or "no such column" in str(error.orig):
            return RecordsNotMigrated(_NOT_MIGRATED)
        primary = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        return _OF_SQLITE.get(primary, RecordsUnavailable(_CLOSED))
    state = getattr(error.orig, "sqlstate", None)
    return _OF_POSTGRESQL.get(str(state), RecordsUnavailable(_UNREACHABLE))


def _cause(error: exc.DBAPIError | exc.TimeoutError) -> str:
    return type(getattr(error, "orig", None) or error).__name__
