"""What the SQL records share: one database, and the statements that all tables need."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    RowMapping,
    Select,
    Table,
    inspect,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite

from service.adapters import sql_tables as t
from service.adapters.database_clock import DatabaseClock, clock_of
from service.adapters.sql_rows import Documents, R
from service.adapters.sql_transactions import Transactions
from service.domain import errors
from service.domain.paging import Cursor, Page, page_of
from service.domain.ports import Clock


class Database:
    """One database: its transactions, and what the records of all kinds ask of it.

    Args:
        transactions: Shared by all who use the database in this process.
        clock: The time of day, for what people read.
        tenant: Whose records are there; None for those of all.
        shared_clock: What leases are written and judged by; by default that of the database.

    Attributes:
        shared_clock: The same.
    """

    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        tenant: str | None = None,
        shared_clock: DatabaseClock | None = None,
    ) -> None:
        self.tenant = tenant
        self._transactions = transactions
        self._clock = clock
        self.querying = transactions.querying
        self.reading = transactions.reading
        self.writing = transactions.writing
        self.shared_clock = shared_clock or clock_of(transactions.dialect)

    def of_tenant(self, tenant: str) -> "Database":
        """Return the same database with one tenant's records alone."""
        return Database(self._transactions, self._clock, tenant, self.shared_clock)

    def visible(self, table: FromClause) -> ColumnElement[bool]:
        """Select the rows of a table that are there: the tenant's, or all."""
        return true() if self.tenant is None else table.c.tenant == self.tenant

    def now(self) -> datetime:
        """Return the time of day."""
        return self._clock.now()

    def check(self) -> None:
        """Raise SchemaUnknown, or RecordsUnavailable, unless it has this version's schema."""
        with self.reading() as connection:
            if not inspect(connection).has_table("alembic_version"):
                found: Any = None
            else:
                found = connection.exec_driver_sql(
                    "SELECT version_num FROM alembic_version"
                ).scalar()
        if found is None:
            raise errors.RecordsNotMigrated(
                "The database has no schema yet. Run `synthcxr migrate`."
            )
        if found != t.SCHEMA_REVISION:
            raise errors.SchemaUnknown.found(found, t.SCHEMA_REVISION)

    def wipe(self) -> None:
        """Bring SQLite's write-ahead log into the database, where old pages are overwritten.

        A reader may keep pages of the log for a while; the next deletion or restart takes them.
        PostgreSQL keeps old rows until its own vacuum.
        """
        with self.querying() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close all connections."""
        self._transactions.close()

    def one(self, documents: Documents[R], name: str, missing: type[errors.NotFound]) -> R:
        """Read a record by its identifier, or raise its NotFound."""
        table = documents.table
        with self.querying() as connection:
            query = select(table).where(table.c.id == name, self.visible(table))
            row = connection.execute(query).mappings().first()
        if row is None:
            raise missing.named(name)
        return documents.record(row)

    def page(self, documents: Documents[R], query: Select[Any], limit: int) -> Page[R]:
        """Read a page of records by a query from `page_query`."""
        with self.querying() as connection:
            there = query.where(self.visible(documents.table))
            rows = connection.execute(there).mappings().all()
        return page_of([documents.record(row) for row in rows], limit)


def page_query(table: Table, cursor: str | None, limit: int) -> Select[Any]:
    """Select a page of a table, newest first, and one row more."""
    age = tuple_(table.c.created_at, table.c.id)
    query = select(table).order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit + 1)
    start = Cursor.parse(cursor)
    return query.where(age < (start.created_at, start.id)) if start else query


def records(connection: Connection, documents: Documents[R], query: Select[Any]) -> list[R]:
    """Read the records that a query selects."""
    return [documents.record(row) for row in connection.execute(query).mappings()]


def locked(
    connection: Connection, documents: Documents[R], name: str, *there: ColumnElement[bool]
) -> R | None:
    """Read and lock a record, if it is there and fulfils what else is asked."""
    row = locked_row(connection, documents.table, name, *there)
    return documents.record(row) if row else None


def locked_row(
    connection: Connection, table: Table, name: str, *there: ColumnElement[bool]
) -> RowMapping | None:
    """Read a row that nobody else may change until the transaction ends."""
    query = select(table).where(table.c.id == name, *there).with_for_update()
    return connection.execute(query).mappings().first()


def insert_if_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless its primary key is taken; return whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insertion = dialect.insert(table).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(insertion, row).first() is not None
