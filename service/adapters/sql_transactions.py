"""The three ways to use a database: to query, to read one state of it, and to write."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from service.adapters.sql_engine import BUSY_TIMEOUT_SECONDS
from service.adapters.sql_errors import unavailable_by_name
from service.adapters.sql_writer import SqliteWriter


class Transactions:
    """Connections of one process to one database.

    Args:
        engine: From `sql_engine.open_engine`.

    Attributes:
        dialect: sqlite or postgresql.
    """

    def __init__(self, engine: Engine) -> None:
        self.dialect = engine.dialect.name
        self._snapshots = engine.execution_options(reads="snapshot")
        if engine.dialect.name == "sqlite":
            self._write = SqliteWriter(engine, BUSY_TIMEOUT_SECONDS).transaction
            self._statements = engine.execution_options(reads="statement")
        else:
            self._write = engine.begin
            self._statements = engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def querying(self) -> Iterator[Connection]:
        """Open a connection for statements that read, each by itself: no transaction is made."""
        with unavailable_by_name(), self._statements.connect() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with unavailable_by_name(), self._snapshots.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that writes; it is on disk when the block has ended."""
        with unavailable_by_name(), self._write() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self._snapshots.dispose()
