"""Whatever API, workers and scheduler do to jobs, in any order: a model check of the records.

Each step is carried out in a real database and in its twin in memory, and both are held against a
few numbers for each job, which is all that the documentation promises.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, delete

from service.adapters import sql_tables as t
from service.adapters.sql_engine import open_engine
from service.adapters.sql_migrate import migrate
from service.adapters.sql_records import sql_records
from service.domain import errors
from service.domain.errors import Problem
from service.domain.identifiers import new_id
from service.domain.job import Claim, Event, EventKind, Job, JobKind, JobProgress
from service.domain.job_ports import Idempotency
from service.domain.record_ports import Records
from service.domain.records import DatasetState, IngestedDataset, JobOutput, TrainedModel
from tests.in_memory_queue import ManualClock, ManualDatabaseClock
from tests.in_memory_records import MemoryStore
from tests.integration.test_records import make_dataset, make_job, make_model

MIN_STEPS = {"sqlite": 20_000, "postgres": 1_000}
STEPS_PER_RUN = 100
LEASE_SECONDS = 30
MAX_FRUITLESS = 3
PROBLEM = Problem("broken", "It broke.", retryable=True)
TABLES = (t.jobs, t.events, t.idempotency_keys, t.models, t.datasets, t.counts, t.tenant_days)
ENDS = {"succeeded", "failed", "cancelled"}
HELD = {"running", "cancelling"}
DATASET_STATES = {"succeeded": "ready", "failed": "failed", "cancelled": "failed"}
FOLLOWS = {  # which state may come after which
    None: {"queued"},
    "queued": {"running", "cancelled"},
    "running": {"queued", "cancelling", "succeeded", "failed"},
    "cancelling": {"cancelled"},
    "succeeded": set(),
    "failed": {"queued"},
    "cancelled": {"queued"},
}

# Steps are about the latest jobs and claims, so that they meet; most of the claims are stale.
A_JOB = st.integers(1, 4)
A_CLAIM = st.integers(1, 5)
has_claims = precondition(lambda self: self._claims)


@dataclass
class Expected:
    """What is promised of one job.

    Attributes:
        kind: What it makes.
        state: Where it stands.
        attempt: How often it was claimed.
        fruitless: Claims in a row without a checkpoint.
        worker: Who holds it.
        lease_ends: By the clock of the test, seconds.
        num_events: Length of its log.
        num_retries: How often it was queued again after its end.
    """

    kind: JobKind
    state: str = "queued"
    attempt: int = 0
    fruitless: int = 0
    worker: str | None = None
    lease_ends: float = 0.0
    num_events: int = 1
    num_retries: int = 0

    def move(self, state: str, *, num_entries: int = 0) -> None:
        """Come into a state, after some entries of the log."""
        self.state = state
        self.num_events += num_entries + (2 if state in ENDS else 1)
        if state not in HELD:
            self.worker = None

    def end(self, state: str, *, num_entries: int = 0) -> None:
        """Let go of a held job: a cancel that came first decides."""
        self.move("cancelled" if self.state == "cancelling" else state, num_entries=num_entries)

    def lose(self) -> None:
        """Lose the worker."""
        self.end("failed" if self.fruitless >= MAX_FRUITLESS else "queued", num_entries=1)


class JobStates(RuleBasedStateMachine):
    """A client, two workers and a scheduler, each of which may do anything at any time."""

    num_steps = 0

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        with engine.begin() as connection:
            for table in TABLES:
                connection.execute(delete(table))
        self._clock = ManualClock()
        self._began = self._clock.now()
        self._real = sql_records(engine, self._clock, ManualDatabaseClock(self._clock))
        self._twin = MemoryStore(self._clock).records()
        self._expected: dict[str, Expected] = {}
        self._requests: dict[str, Job] = {}
        self._keys: dict[str, str] = {}
        self._claims: list[Claim] = []
        self._has_begun = False
        self._committed: list[str] = []

    @initialize()
    def begin(self) -> None:
        """There is always a job to talk of."""
        self._submitted(JobKind.TRAIN, None)

    # -- the client ----------------------------------------------------------------------------

    @rule(
        kind=st.sampled_from([JobKind.TRAIN, JobKind.INGEST]),
        key=st.sampled_from([None, None, "a", "b"]),
    )
    def submit(self, kind: JobKind, key: str | None) -> None:
        earlier = self._keys.get(key or "")
        job_id = self._submitted(kind, Idempotency(key, key) if key else None)
        assert earlier in {None, job_id}
        if key:
            self._keys[key] = job_id

    @rule(key=st.sampled_from("ab"))
    def submit_another_with_that_key(self, key: str) -> None:
        if key in self._keys:
            job = make_job(self._clock)
            taken = Idempotency(key, "another request")
            self._refused(
                errors.IdempotencyConflict, lambda r: r.jobs.submit(job, idempotency=taken)
            )

    def _submitted(self, kind: JobKind, key: Idempotency | None) -> str:
        dataset_id = new_id("ds")
        job = make_job(self._clock, kind, dataset_id=dataset_id)
        dataset = make_dataset(job, self._clock) if kind is JobKind.INGEST else None
        stored = self._both(lambda r: r.jobs.submit(job, idempotency=key, dataset=dataset))
        if stored.id == job.id:
            self._expected[job.id] = Expected(kind)
            self._requests[job.id] = job
        self._check(stored.id)
        return str(stored.id)

    @rule(number=A_JOB)
    def cancel(self, number: int) -> None:
        job_id = self._job(number)
        expected, moved = self._expected.get(job_id), None
        cancel: Callable[[Records], Job] = lambda r: r.jobs.request_cancel(job_id)  # noqa: E731
        if expected is None:
            self._refused(errors.JobNotFound, cancel)
        elif expected.state in {"succeeded", "failed"}:
            self._refused(errors.IllegalMove, cancel)
        else:
            moved = self._both(cancel)
            if expected.state == "running":
                expected.move("cancelling")
            elif expected.state == "queued":
                expected.move("cancelled")
        self._check(job_id, moved)

    @rule(number=A_JOB)
    def retry(self, number: int) -> None:
        job_id = self._job(number)
        expected = self._expected.get(job_id)
        if expected is None:
            self._refused(errors.JobNotFound, lambda r: r.jobs.retry(job_id))
        elif expected.state in {"failed", "cancelled"}:
            self._both(lambda r: r.jobs.retry(job_id))
            expected.move("queued")
            expected.fruitless = 0
            expected.num_retries += 1
        else:
            self._refused(errors.IllegalMove, lambda r: r.jobs.retry(job_id))
        self._check(job_id)

    @rule(number=A_JOB)
    def delete(self, number: int) -> None:
        job_id = self._job(number)
        expected = self._expected.get(job_id)
        if expected is None:
            self._refused(errors.JobNotFound, lambda r: r.jobs.delete_job(job_id))
        elif expected.state in ENDS:
            self._check_log(job_id, expected)
            self._both(lambda r: r.jobs.delete_job(job_id))
            del self._expected[job_id]
            self._keys = {key: held for key, held in self._keys.items() if held != job_id}
        else:
            self._refused(errors.JobNotDone, lambda r: r.jobs.delete_job(job_id))
        self._check(job_id)

    # -- two workers -----------------------------------------------------------------------------

    @rule(number=A_JOB, worker=st.sampled_from(["one", "two"]))
    def claim(self, number: int, worker: str) -> None:
        self._claimed(self._job(number), worker)

    @rule(kind=st.sampled_from(JobKind), worker=st.sampled_from(["one", "two"]))
    def take_the_next(self, kind: JobKind, worker: str) -> None:
        found = self._both(lambda r: r.jobs.next_queued([kind.queue]))
        waiting = [
            job_id
            for job_id, expected in self._expected.items()
            if expected.state == "queued" and expected.kind is kind
        ]
        assert found == min(waiting, default=None)
        if found:
            self._claimed(found, worker)

    def _claimed(self, job_id: str, worker: str) -> None:
        taken = self._both(
            lambda r: r.jobs.claim(job_id, worker=worker, lease_seconds=LEASE_SECONDS)
        )
        expected = self._expected.get(job_id)
        if expected is None or expected.state != "queued":
            assert taken is None
            return
        expected.move("running")
        expected.attempt += 1
        expected.fruitless += 1
        expected.worker = worker
        expected.lease_ends = self._seconds + LEASE_SECONDS
        self._claims.append(taken.claim_held)
        self._check(job_id, taken)

    @rule(number=A_CLAIM)
    @has_claims
    def heartbeat(self, number: int) -> None:
        claim = self._claim(number)
        expected = self._held(claim)
        cancelled = self._fenced(claim, lambda r: r.jobs.heartbeat(claim, LEASE_SECONDS))
        if expected:
            assert cancelled == (expected.state == "cancelling")
            expected.lease_ends = self._seconds + LEASE_SECONDS
        self._check(claim.job_id)

    @rule(number=A_CLAIM, checkpoint=st.booleans())
    @has_claims
    def report(self, number: int, checkpoint: bool) -> None:
        claim = self._claim(number)
        entries = [(EventKind.CHECKPOINT, {"images_seen": 1})] if checkpoint else []
        progress = JobProgress("training", 1)
        self._fenced(
            claim,
            lambda r: r.jobs.record(
                claim, progress=progress, events=entries, checkpoint=checkpoint
            ),
        )
        if expected := self._held(claim):
            expected.num_events += 1 + checkpoint
            expected.fruitless *= not checkpoint
        self._check(claim.job_id)

    @rule(number=A_CLAIM)
    @has_claims
    def succeed(self, number: int) -> None:
        claim = self._claim(number)
        made = self._made(claim.job_id)
        moved = self._fenced(claim, lambda r: r.jobs.succeed(claim, made))
        if expected := self._held(claim):
            if expected.state == "running":
                self._committed.append(claim.job_id)
            expected.end("succeeded")
        self._check(claim.job_id, moved)

    def _made(self, job_id: str) -> JobOutput:
        job = self._requests[job_id]
        if job.kind is JobKind.TRAIN:
            return TrainedModel(make_model(job, self._clock))
        dataset = make_dataset(job, self._clock)
        return IngestedDataset(replace(dataset, state=DatasetState.READY), [])

    @rule(number=A_CLAIM)
    @has_claims
    def fail(self, number: int) -> None:
        claim = self._claim(number)
        moved = self._fenced(claim, lambda r: r.jobs.fail(claim, PROBLEM))
        if expected := self._held(claim):
            expected.end("failed")
        self._check(claim.job_id, moved)

    @rule(number=A_CLAIM)
    @has_claims
    def stop_on_cancel(self, number: int) -> None:
        """As a worker does that knows of a cancel; one that does not is refused."""
        claim = self._claim(number)
        expected = self._held(claim)
        if expected and expected.state == "running":
            self._refused(errors.IllegalMove, lambda r: r.jobs.finish_cancelled(claim))
        else:
            self._fenced(claim, lambda r: r.jobs.finish_cancelled(claim))
            if expected:
                expected.move("cancelled")
        self._check(claim.job_id)

    @rule(number=A_CLAIM)
    @has_claims
    def put_back(self, number: int) -> None:
        claim = self._claim(number)
        moved = self._fenced(claim, lambda r: r.jobs.put_back(claim, PROBLEM))
        if expected := self._held(claim):
            if expected.state == "running":
                expected.fruitless = 0
            expected.end("queued", num_entries=1)
        self._check(claim.job_id, moved)

    @rule(number=A_CLAIM)
    @has_claims
    def hand_back(self, number: int) -> None:
        claim = self._claim(number)
        moved = self._fenced(claim, lambda r: r.jobs.hand_back(claim))
        if expected := self._held(claim):
            if expected.state == "running":
                expected.fruitless = max(0, expected.fruitless - 1)
            expected.end("queued")
        self._check(claim.job_id, moved)

    @rule(number=A_CLAIM)
    @has_claims
    def give_up(self, number: int) -> None:
        """As the worker does whose process died."""
        claim = self._claim(number)
        moved = self._fenced(claim, lambda r: r.jobs.give_up(claim, "it died", MAX_FRUITLESS))
        if expected := self._held(claim):
            expected.lose()
        self._check(claim.job_id, moved)

    @rule(worker=st.sampled_from(["one", "two"]))
    def look_what_a_worker_holds(self, worker: str) -> None:
        held = {job_id for job_id, each in self._expected.items() if each.worker == worker}
        for records in (self._real, self._twin):
            found = records.jobs.held_by(worker)
            assert found.id in held if found else not held

    # -- time and the scheduler ------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0, 1, 29, 31]))
    def let_time_pass(self, seconds: int) -> None:
        self._clock.advance(seconds)

    @rule(seconds=st.sampled_from([0, 1, 29, 31]))
    def expire_leases(self, seconds: int) -> None:
        self._clock.advance(seconds)
        moved = [
            sorted(job.id for job in records.jobs.expire_leases(MAX_FRUITLESS))
            for records in (self._real, self._twin)
        ]
        late = sorted(
            job_id
            for job_id, each in self._expected.items()
            if each.state in HELD and each.lease_ends < self._seconds
        )
        assert moved == [late, late]
        for job_id in late:
            self._expected[job_id].lose()
            self._check(job_id)

    # -- what holds after each step --------------------------------------------------------------

    @invariant()
    def count(self) -> None:
        """Count the steps; the first call comes before any."""
        type(self).num_steps += self._has_begun
        self._has_begun = True

    @property
    def _seconds(self) -> float:
        return (self._clock.now() - self._began).total_seconds()

    def _job(self, number: int) -> str:
        """Return the latest job, or the one before that; deleted ones count."""
        return list(self._requests)[-number:][0]

    def _claim(self, number: int) -> Claim:
        return self._claims[-number:][0]

    def _held(self, claim: Claim) -> Expected | None:
        expected = self._expected.get(claim.job_id)
        held = expected and expected.state in HELD and expected.attempt == claim.attempt
        return expected if held else None

    def _both(self, call: Callable[[Records], Any]) -> Any:
        """Carry out a step in the database and in its twin; both must answer alike."""
        real, twin = call(self._real), call(self._twin)
        assert real == twin
        return real

    def _refused(self, kind: type[Exception], call: Callable[[Records], Any]) -> None:
        for records in (self._real, self._twin):
            with pytest.raises(kind):
                call(records)

    def _fenced(self, claim: Claim, call: Callable[[Records], Any]) -> Any:
        """Carry out a worker's write; a stale one is refused, and `_check` sees no change."""
        if self._held(claim):
            return self._both(call)
        return self._refused(errors.LeaseLost, call)

    def _check(self, job_id: str, moved: Job | None = None) -> None:
        """Hold a job, as a step returned it or as it is read, against what is expected."""
        expected = self._expected.get(job_id)
        if expected is None:
            self._refused(errors.JobNotFound, lambda r: r.jobs.job(job_id))
            return
        job = moved or self._both(lambda r: r.jobs.job(job_id))
        found = (job.state, job.attempt, job.attempts_without_checkpoint, job.worker)
        assert found == (
            expected.state,
            expected.attempt,
            expected.fruitless,
            expected.worker,
        )
        if moved and expected.kind is JobKind.INGEST:
            dataset = self._both(lambda r: r.catalog.dataset(job.request.dataset_id))
            assert dataset.state == DATASET_STATES.get(expected.state, "ingesting")

    def _check_log(self, job_id: str, expected: Expected) -> None:
        """The log has no gap, and holds legal moves alone."""
        log: list[Event] = self._both(lambda r: r.jobs.events(job_id))
        assert [event.sequence for event in log] == list(range(1, expected.num_events + 1))
        states = [event.data["state"] for event in log if event.kind == EventKind.STATE]
        for earlier, later in zip([None, *states], states, strict=False):
            assert later in FOLLOWS[earlier]
        num_ends = sum(event.kind == EventKind.DONE for event in log)
        assert num_ends == expected.num_retries + (expected.state in ENDS)

    def teardown(self) -> None:
        """Left to one worker that lives, every accepted job comes to its one end."""
        self.expire_leases(LEASE_SECONDS + 1)
        for job_id, expected in self._expected.items():
            if expected.state == "queued":
                self._claimed(job_id, "one")
                self.succeed(1)
            assert expected.state in ENDS
            self._check_log(job_id, expected)
        for records in (self._real, self._twin):
            models = records.catalog.models(limit=STEPS_PER_RUN).items
            datasets = records.catalog.datasets(limit=STEPS_PER_RUN).items
            made = [each.job_id for each in models]
            made += [each.job_id for each in datasets if each.state is DatasetState.READY]
            assert sorted(made) == sorted(self._committed)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def database(request: pytest.FixtureRequest) -> Iterator[tuple[str, Engine]]:
    """A database, in memory where there is a file system for it: nothing here asks for the disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        url = f"sqlite:///{folder}/records.db"
        if request.param == "postgres":
            url = request.getfixturevalue("postgres_url")
        engine = open_engine(url)
        migrate(engine)
        yield request.param, engine
        engine.dispose()


@pytest.mark.timeout(600)
def test_in_any_order_of_steps_every_job_ends_once_and_no_stale_claim_changes_it(
    database: tuple[str, Engine],
) -> None:
    kind, engine = database
    JobStates.num_steps = 0
    run_state_machine_as_test(
        lambda: JobStates(engine),
        settings=hypothesis.settings(
            max_examples=5 + round(1.2 * MIN_STEPS[kind] / STEPS_PER_RUN),  # some end early
            stateful_step_count=STEPS_PER_RUN,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
    assert JobStates.num_steps >= MIN_STEPS[kind]
