"""The threads of a process write to SQLite in turn, and those who wait are committed together."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from service.adapters.sql_engine import open_engine
from service.adapters.sql_errors import unavailable_by_name
from service.adapters.sql_writer import SqliteWriter
from service.domain.errors import RecordsBusy, RecordsFull, RecordsUnavailable

NUM_WRITERS = 45


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE written (x INTEGER PRIMARY KEY, text TEXT)")
    yield engine
    engine.dispose()


def write(writer: SqliteWriter, number: int, text: str = "") -> None:
    with unavailable_by_name(), writer.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO written VALUES (?, ?)", (number, text))


def written(engine: Engine) -> list[int]:
    path = engine.url.database
    assert path is not None
    with sqlite3.connect(path) as connection:
        return [x for (x,) in connection.execute("SELECT x FROM written ORDER BY x")]


def all_at_once(function: Callable[[int], None], num: int = NUM_WRITERS) -> dict[int, Exception]:
    """Call a function in as many threads; return what it raised."""
    failed: dict[int, Exception] = {}

    def call(number: int) -> None:
        try:
            function(number)
        except Exception as error:
            failed[number] = error

    threads = [threading.Thread(target=call, args=(number,)) for number in range(num)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


@contextmanager
def locked(engine: Engine, seconds: float) -> Iterator[None]:
    """Let another process hold the database, as `BEGIN EXCLUSIVE` does."""
    connection = sqlite3.connect(str(engine.url.database), check_same_thread=False)
    connection.isolation_level = None
    connection.execute("BEGIN EXCLUSIVE")

    def release() -> None:
        connection.rollback()
        connection.close()

    timer = threading.Timer(seconds, release)
    timer.start()
    yield
    timer.join()


def test_whoever_waits_is_committed_together(engine: Engine) -> None:
    commits: list[object] = []
    event.listen(engine, "commit", commits.append)
    writer = SqliteWriter(engine, 30)
    with locked(engine, 0.5):
        assert all_at_once(lambda number: write(writer, number)) == {}
    assert written(engine) == list(range(NUM_WRITERS))
    assert len(commits) <= NUM_WRITERS // 4


def test_a_write_alone_is_on_disk_when_it_returns(engine: Engine) -> None:
    writer = SqliteWriter(engine, 30)
    for number in range(3):
        write(writer, number)
        assert written(engine) == list(range(number + 1))


def test_a_transaction_that_fails_undoes_itself_alone(engine: Engine) -> None:
    writer = SqliteWriter(engine, 30)

    def write_or_fail(number: int) -> None:
        with writer.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO written VALUES (?, '')", (number,))
            if number % 3 == 0:
                raise ZeroDivisionError

    with locked(engine, 0.3):
        failed = all_at_once(write_or_fail)
    assert set(failed) == set(range(0, NUM_WRITERS, 3))
    assert written(engine) == [number for number in range(NUM_WRITERS) if number % 3]
    write(writer, 1000)


def test_turns_are_given_in_the_order_of_asking(engine: Engine) -> None:
    writer = SqliteWriter(engine, 30)
    order: list[int] = []

    def take(number: int) -> None:
        with writer.transaction():
            order.append(number)

    threads = []
    with writer.transaction():
        for number in range(12):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            while len(writer._turns._queue) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(12))


def test_nobody_starves_while_another_process_holds_the_lock(engine: Engine) -> None:
    writer = SqliteWriter(engine, 20)
    with locked(engine, 3):
        assert all_at_once(lambda number: write(writer, number)) == {}
    assert len(written(engine)) == NUM_WRITERS


def test_all_give_up_after_the_same_time(engine: Engine) -> None:
    """Those at the end of the queue do not wait once more for each before them."""
    writer = SqliteWriter(engine, 0.5)
    began = time.monotonic()
    with locked(engine, 4):
        failed = all_at_once(lambda number: write(writer, number))
        assert time.monotonic() - began < 4
    assert len(failed) == NUM_WRITERS
    assert {type(error) for error in failed.values()} == {RecordsBusy}
    write(writer, 1)
    assert written(engine) == [1]


def test_a_commit_that_fails_fails_all_who_were_in_it(engine: Engine) -> None:
    """A constraint that is checked at the commit stands for whatever may go wrong there."""
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE child (x REFERENCES written (x) DEFERRABLE INITIALLY DEFERRED)"
        )
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys=ON"))
    engine.dispose()
    writer = SqliteWriter(engine, 30)

    def write_orphan(number: int) -> None:
        with writer.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO written VALUES (?, '')", (number,))
            if number == 7:
                connection.exec_driver_sql("INSERT INTO child VALUES (-1)")

    with locked(engine, 0.5):
        failed = all_at_once(write_orphan, 12)
    assert 7 in failed
    assert written(engine) == [number for number in range(12) if number not in failed]
    write(writer, 100)


def test_a_full_disk_keeps_exactly_what_was_promised(engine: Engine) -> None:
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count=60"))
    engine.dispose()
    writer = SqliteWriter(engine, 30)
    failed = all_at_once(lambda number: write(writer, number, "x" * 20_000))
    assert failed
    assert {type(error) for error in failed.values()} <= {RecordsFull, RecordsUnavailable}
    assert RecordsFull in {type(error) for error in failed.values()}
    assert written(engine) == [number for number in range(NUM_WRITERS) if number not in failed]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database" * 1000)
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(RecordsUnavailable, match="damaged"):
        write(SqliteWriter(engine, 1), 1)
    engine.dispose()


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(RecordsUnavailable, match="cannot be read or written"):
        write(SqliteWriter(engine, 1), 1)
    engine.dispose()
