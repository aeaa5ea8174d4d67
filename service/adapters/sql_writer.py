"""Writing to SQLite: one writer a process, in order of arrival, and one commit for all who wait.

SQLite has one writer at a time, its own waiters starve each other, and a commit takes several
flushes to disk. So the threads of a process share one connection for writing: each gets its turn in
a savepoint of one transaction, and the last of those who wait commits for all of them.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine

from service.adapters.sql_errors import BUSY
from service.domain.errors import RecordsBusy, RecordsUnavailable

_MOST_PER_COMMIT = 64


class _Turns:
    """A lock that threads get in the order in which they ask for it.

    Args:
        on_last: Called at the end of a turn when nobody waits, before the lock is free.
    """

    def __init__(self, on_last: Callable[[], None]) -> None:
        self._on_last = on_last
        self._guard = threading.Lock()
        self._taken = False
        self._queue: deque[threading.Event] = deque()

    def take(self, seconds: float) -> bool:
        """Wait for a turn; return whether it is ours in time."""
        turn = threading.Event()
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            self._queue.append(turn)
        try:
            given = turn.wait(seconds)
        except BaseException:
            if not self._leave(turn):
                self.pass_on()
            raise
        return given or not self._leave(turn)

    def pass_on(self) -> None:
        """End a turn."""
        if self._given_to_next():
            return
        try:
            self._on_last()
        finally:
            with self._guard:
                self._taken = False
                if self._queue:  # who came meanwhile
                    self._taken = True
                    self._queue.popleft().set()

    def _given_to_next(self) -> bool:
        with self._guard:
            if self._queue:
                self._queue.popleft().set()
                return True
            return False

    def _leave(self, turn: threading.Event) -> bool:
        """Leave the queue, unless the turn was given."""
        with self._guard:
            if turn not in self._queue:
                return False
            self._queue.remove(turn)
            return True


@dataclass(slots=True)
class _Group:
    """Transactions that are committed together.

    Attributes:
        connection: Where they write.
        num: How many there are.
        ended: Set when they are committed, or lost.
        error: Why they were lost.
    """

    connection: Connection
    num: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    @property
    def is_open(self) -> bool:
        """Whether SQLite holds the transaction; a full disk, for one, ends it early."""
        driver: Any = self.connection.connection.driver_connection
        return bool(driver.in_transaction)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Let one transaction undo itself alone, if SQLite has not undone all."""
        savepoint = self.connection.begin_nested()
        try:
            yield
        except BaseException:
            if self.is_open:
                savepoint.rollback()
            raise
        savepoint.commit()
        self.num += 1

    def commit(self) -> None:
        """Keep everything, or nothing."""
        try:
            self.connection.commit()
        except BaseException as error:
            self.lose(error)
            raise
        self.end()

    def lose(self, error: BaseException) -> None:
        """Keep nothing, and say why to all."""
        self.error = error
        self.connection.invalidate()  # a commit that failed leaves the transaction open
        self.end()

    def end(self) -> None:
        """Let go of the connection and of all who wait."""
        try:
            self.connection.close()
        finally:
            self.ended.set()


class SqliteWriter:
    """Gives the threads of a process their turns to write.

    Args:
        engine: Of an SQLite file; a transaction that begins takes the file's lock.
        patience_seconds: How long a transaction waits for its turn and for the lock.
    """

    def __init__(self, engine: Engine, patience_seconds: float) -> None:
        self._engine = engine
        self._patience_seconds = patience_seconds
        self._turns = _Turns(self._commit_open)
        self._group: _Group | None = None  # the one that is open; whose turn it is may touch it

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction; it is on disk when the block has ended.

        Raises:
            RecordsBusy: Others write for too long.
        """
        deadline = time.monotonic() + self._patience_seconds
        if not self._turns.take(self._patience_seconds):
            raise RecordsBusy(BUSY)
        try:
            group = self._group = self._group or self._begin(deadline)
            try:
                with group.savepoint():
                    yield group.connection
            finally:
                self._end_turn(group)
        finally:
            self._turns.pass_on()
        group.ended.wait()
        if group.error:
            raise group.error

    def _begin(self, deadline: float) -> _Group:
        """Take the lock of the file, which other processes want as well."""
        connection = self._engine.connect()
        try:
            _set_busy_timeout(connection, max(0.0, deadline - time.monotonic()))
            connection.begin()
            _set_busy_timeout(connection, self._patience_seconds)
        except BaseException:
            _set_busy_timeout(connection, self._patience_seconds)
            connection.close()
            raise
        return _Group(connection)

    def _end_turn(self, group: _Group) -> None:
        """Leave the commit to who writes next, or last, unless the group is full or lost."""
        if not group.is_open:
            self._group = None
            group.lose(sys.exception() or RecordsUnavailable("SQLite ended the transaction."))
        elif group.num >= _MOST_PER_COMMIT:
            self._commit_open()

    def _commit_open(self) -> None:
        group, self._group = self._group, None
        if group:
            group.commit()


def _set_busy_timeout(connection: Connection, seconds: float) -> None:
    connection.connection.cursor().execute(f"PRAGMA busy_timeout={round(seconds * 1000)}")
