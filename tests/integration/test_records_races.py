"""Many workers and clients at once: exactly one of them gets what only one may have."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

import pytest

from service.adapters.clock import SystemClock
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.domain.audit import AuditDraft
from service.domain.errors import IdempotencyConflict, LeaseLost, PreviewsSpent, Problem
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.job_ports import Idempotency
from service.domain.record_ports import Records
from tests.in_memory_records import MemoryStore
from tests.sample_records import train_request

NUM_RACERS = 8
NUM_ROUNDS = 5

T = TypeVar("T")


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def records(request: pytest.FixtureRequest) -> Iterator[Records]:
    if request.param == "memory":
        yield MemoryStore(SystemClock()).records()
        return
    engine = open_engine(request.getfixturevalue("database_urls")(request.param))
    yield sql_records(engine, SystemClock())
    engine.dispose()


def training() -> Job:
    kind = JobKind.TRAIN
    return Job(
        new_id("job"), kind, kind.queue, JobState.QUEUED, train_request(), SystemClock().now()
    )


def race(racer: Callable[[int], T]) -> list[T | Exception]:
    """Run racers on threads that start together; collect what each returned or raised."""
    barrier = threading.Barrier(NUM_RACERS)
    outcomes: list[T | Exception] = []

    def run(index: int) -> None:
        barrier.wait()
        try:
            outcomes.append(racer(index))
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(NUM_RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def claim_as(records: Records, job_id: str, index: int) -> Job | None:
    return records.jobs.claim(job_id, worker=f"w{index}", lease_seconds=30)


def test_of_many_claiming_threads_one_wins(records: Records) -> None:
    for _ in range(NUM_ROUNDS):
        job = records.jobs.submit(training())
        outcomes = race(partial(claim_as, records, job.id))
        winners = [outcome for outcome in outcomes if outcome is not None]
        assert len(winners) == 1
        assert winners == [records.jobs.job(job.id)]
        assert records.jobs.job(job.id).attempt == 1


def claim_all(url: str, worker: str, job_ids: list[str]) -> list[str]:
    records = sql_records(open_engine(url), SystemClock())
    claims = [records.jobs.claim(job_id, worker=worker, lease_seconds=30) for job_id in job_ids]
    records.database.close()
    return [job.id for job in claims if job]


def test_of_many_claiming_processes_one_wins_each_job(database_url: str) -> None:
    records = sql_records(open_engine(database_url), SystemClock())
    job_ids = [records.jobs.submit(training()).id for _ in range(20)]
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        futures = [pool.submit(claim_all, database_url, f"w{i}", job_ids) for i in range(3)]
        claimed = [job_id for future in futures for job_id in future.result()]
    assert sorted(claimed) == sorted(job_ids)
    assert {records.jobs.job(job_id).attempt for job_id in job_ids} == {1}
    records.database.close()


def test_one_key_sent_by_many_clients_makes_one_job(records: Records) -> None:
    for round_ in range(NUM_ROUNDS):
        key = Idempotency(f"key-{round_}", "a" * 64)
        outcomes = race(lambda _, key=key: records.jobs.submit(training(), idempotency=key))
        assert len({outcome.id for outcome in outcomes if isinstance(outcome, Job)}) == 1
        assert len(outcomes) == NUM_RACERS
        assert len(records.jobs.jobs().items) == round_ + 1


def test_clients_at_once_do_not_pass_the_limit_of_previews_together(records: Records) -> None:
    """The job is the records' business, whatever its kind; refused ones leave nothing."""
    entry = AuditDraft("default", "key_1", "preview_model", "mdl_1")
    records.audit.append(replace(entry, outcome="previews_spent"), replace(entry, target="mdl_2"))
    outcomes = race(lambda _: records.jobs.submit(training(), audit=entry, max_previews=3))
    refused = [outcome for outcome in outcomes if isinstance(outcome, PreviewsSpent)]
    assert len(refused) == NUM_RACERS - 3
    assert len(records.jobs.jobs().items) == 3
    written = records.audit.of_action("default", "preview_model", "mdl_1")
    assert [each.outcome for each in written] == ["previews_spent", "done", "done", "done"]


def test_one_key_with_different_bodies_makes_one_job_and_refuses_the_rest(
    records: Records,
) -> None:
    outcomes = race(
        lambda i: records.jobs.submit(training(), idempotency=Idempotency("key", f"{i:064}"))
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, IdempotencyConflict)]
    assert len(refused) == NUM_RACERS - 1
    assert len(records.jobs.jobs().items) == 1


def test_of_many_endings_one_is_written_and_the_log_has_no_gaps(records: Records) -> None:
    job = records.jobs.submit(training())
    taken = records.jobs.claim(job.id, worker="w", lease_seconds=30)
    assert taken
    claim = taken.claim_held

    def end(index: int) -> Job | None:
        if index % 2:
            return records.jobs.fail(claim, Problem("broken", f"By racer {index}."))
        records.jobs.record(claim, events=[("log", {"racer": index})])
        return None

    outcomes = race(end)
    assert len([outcome for outcome in outcomes if isinstance(outcome, Job)]) == 1
    assert all(isinstance(o, LeaseLost | Job) or o is None for o in outcomes)
    events = records.jobs.events(job.id)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert [str(event.kind) for event in events[-2:]] == ["state", "done"]


def test_a_lost_lease_is_moved_by_one_of_many_schedulers(records: Records) -> None:
    job = records.jobs.submit(training())
    taken = records.jobs.claim(job.id, worker="w", lease_seconds=0.001)
    assert taken
    time.sleep(0.05)  # the lease runs out
    outcomes = race(lambda _: records.jobs.expire_leases())
    moved = [job for outcome in outcomes if isinstance(outcome, list) for job in outcome]
    assert [moved_job.id for moved_job in moved] == [job.id]
    assert records.jobs.job(job.id).state is JobState.QUEUED


def test_one_of_many_schedulers_holds_the_lock(records: Records) -> None:
    outcomes = race(lambda i: records.jobs.hold_scheduler_lock(f"s{i}", 30))
    assert sorted(map(bool, outcomes)) == [False] * (NUM_RACERS - 1) + [True]
