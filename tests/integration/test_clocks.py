"""Clocks that differ or are set while jobs run take no job from a worker and none for ever."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, update

from service.adapters import database_clock, sql_tables
from service.adapters.clock import SystemClock
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.ports import Clock
from service.domain.record_ports import Records
from service.domain.worker import WorkerReport, WorkerState
from tests.sample_records import train_request

SKEWS = [-3600.0, -45.0, 45.0, 3600.0]
OTHER_CLOCK = [
    *Path("/usr/lib").glob("*/faketime/libfaketime.so.1"),
    *map(Path, filter(None, [os.environ.get("SYNTHCXR_TEST_LIBFAKETIME")])),
]

BEATING = """
import sys
from service.adapters.clock import SystemClock
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from workers.runtime.flag import Flag
flag = Flag()
records = sql_records(open_engine(sys.argv[1]), SystemClock())
job = records.jobs.claim(sys.argv[2], worker="w", lease_seconds=float(sys.argv[3]))
print(SystemClock().now().timestamp(), flush=True)
for _ in sys.stdin:
    flag.wait(0.1)  # as a heartbeat does: not until a moment of a clock
    records.jobs.heartbeat(job.claim_held, float(sys.argv[3]))
    print("beat", len(records.jobs.expire_leases()), flush=True)
"""


class SkewedClock(Clock):
    """The time of day of a machine whose clock is wrong."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def submitted(records: Records) -> Job:
    kind = JobKind.TRAIN
    now = datetime.now(UTC)
    return records.jobs.submit(
        Job(new_id("job"), kind, kind.queue, JobState.QUEUED, train_request(), now)
    )


@pytest.mark.parametrize("seconds", SKEWS)
def test_a_living_worker_keeps_its_job_whatever_the_clocks_say(
    engine: Engine, seconds: float
) -> None:
    for skews in ((seconds, 0.0), (0.0, seconds)):
        worker, scheduler = (sql_records(engine, SkewedClock(each)) for each in skews)
        job = submitted(scheduler)
        taken = worker.jobs.claim(job.id, worker="w", lease_seconds=30)
        assert taken
        for _ in range(2):
            assert scheduler.jobs.expire_leases() == []
            worker.jobs.heartbeat(taken.claim_held, 30)
        assert worker.jobs.job(job.id).state is JobState.RUNNING


@pytest.mark.parametrize("seconds", SKEWS)
def test_a_dead_worker_loses_its_job_in_time_whatever_the_clocks_say(
    engine: Engine, seconds: float
) -> None:
    for skews in ((seconds, 0.0), (0.0, seconds)):
        worker, scheduler = (sql_records(engine, SkewedClock(each)) for each in skews)
        job = submitted(scheduler)
        worker.jobs.claim(job.id, worker="w", lease_seconds=-0.01)
        assert [moved.id for moved in scheduler.jobs.expire_leases()] == [job.id]


@pytest.mark.parametrize("seconds", SKEWS)
def test_one_scheduler_at_a_time_whatever_the_clocks_say(engine: Engine, seconds: float) -> None:
    first, second = (sql_records(engine, SkewedClock(each)) for each in (seconds, 0.0))
    assert first.jobs.hold_scheduler_lock("first", 30)
    assert not second.jobs.hold_scheduler_lock("second", 30)
    assert not second.jobs.scheduler_is_late()
    assert first.jobs.hold_scheduler_lock("first", -0.01)
    assert second.jobs.hold_scheduler_lock("second", 30)


def test_a_clock_that_is_set_while_a_job_runs_moves_no_lease(engine: Engine) -> None:
    clock = SkewedClock(0.0)
    records = sql_records(engine, clock)
    job = submitted(records)
    assert records.jobs.claim(job.id, worker="w", lease_seconds=30)
    for clock.seconds in SKEWS:
        assert records.jobs.expire_leases() == []


@pytest.fixture
def sqlite(database_urls: Callable[[str], str]) -> Iterator[Engine]:
    engine = open_engine(database_urls("sqlite"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("days", [-400, 0, 400])
def test_a_boot_of_the_machine_ends_every_lease(
    sqlite: Engine, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine starts again, with whatever time of day: no process of before is left."""
    records = sql_records(sqlite, SystemClock())
    job = submitted(records)
    records.jobs.claim(job.id, worker="w", lease_seconds=1e6)
    assert records.jobs.hold_scheduler_lock("before", 1e6)
    with sqlite.begin() as connection:
        booted_at = sql_tables.boots.c.booted_at
        there = connection.execute(booted_at.table.select()).mappings().one()
        moved = there["booted_at"] + timedelta(days=days)
        connection.execute(update(sql_tables.boots).values(booted_at=moved))
    monkeypatch.setattr(database_clock, "_boot_id", lambda: "another boot")
    assert records.jobs.hold_scheduler_lock("after", 30)
    assert [moved.id for moved in records.jobs.expire_leases()] == [job.id]


def test_before_any_write_the_readiness_can_be_read(sqlite: Engine) -> None:
    with sqlite.begin() as connection:
        connection.execute(delete(sql_tables.boots))
    records = sql_records(sqlite, SystemClock())
    assert records.workers.all() == []
    assert records.jobs.scheduler_is_late()


@pytest.mark.parametrize("skew", ["-1h", "-45s", "+45s"])
def test_a_process_with_another_clock_keeps_its_job_and_takes_none(
    database_url: str, skew: str
) -> None:
    """Every clock of the process is another, those that only go forward included."""
    library = next((each for each in OTHER_CLOCK if each.exists()), None)
    if library is None:
        pytest.skip("libfaketime is not installed")
    engine = open_engine(database_url)
    records = sql_records(engine, SystemClock())
    other, ours = submitted(records), submitted(records)
    records.jobs.claim(ours.id, worker="ours", lease_seconds=30)
    process = subprocess.Popen(
        [sys.executable, "-c", BEATING, database_url, other.id, "30"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LD_PRELOAD": str(library), "FAKETIME": skew},
    )
    assert process.stdin
    assert process.stdout
    with process:
        theirs = float(process.stdout.readline())
        assert abs(theirs - datetime.now(UTC).timestamp()) > 30
        for _ in range(2):
            assert records.jobs.expire_leases() == []
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "beat 0\n"
        process.stdin.close()
    engine.dispose()


def test_by_how_much_a_worker_s_clock_is_ahead_is_measured(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = sql_records(engine, SystemClock())
    report = WorkerReport("h:w:1", "h", 1, ("gpu.train",), "cpu", "1", WorkerState.IDLE)
    records.workers.report(report)
    assert abs(records.workers.clock_ahead_seconds()) < 5
    assert abs(records.workers.all()[0].report.clock_ahead_seconds) < 5

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):  # type: ignore[no-untyped-def]
            return datetime.now(tz) + timedelta(seconds=45)

    with monkeypatch.context() as patched:
        patched.setattr(database_clock, "datetime", Ahead)
        records.workers.report(report)
    [worker] = records.workers.all()
    assert 40 < worker.report.clock_ahead_seconds < 50
