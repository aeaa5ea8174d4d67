"""Random faults, one after the other, while clients ask for short jobs; seeded."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psutil
import redis

from service.adapters.celery_queue import CeleryQueue
from service.domain.errors import RecordsUnavailable
from service.domain.identifiers import new_id
from service.domain.job import EventKind, Job, JobState
from service.domain.records import DatasetState
from synthcxr.embedded.broker import BROKER
from tests.faults.client import PatientClient
from tests.faults.deployment import LEASE_SECONDS, TICK_SECONDS, Deployment, resume

COUNTS = {"normal": 8, "effusion": 8}
QUEUES = ("cpu.ingest", "gpu.train", "gpu.generate")
SETTLE_SECONDS = 240


@dataclass(frozen=True)
class Kill:
    """The end of an attempt that a fault brought about.

    Attributes:
        fault: Its name.
        job_id: Whose attempt.
        attempt: Its number.
        at: When, UTC.
    """

    fault: str
    job_id: str
    attempt: int
    at: datetime


@dataclass
class Campaign:
    """Faults and jobs.

    Attributes:
        deployment: To what.
        chance: Decides; seeded.
        client: Asks for jobs.
        faults: How many there were, by name.
        kills: The attempts that they ended.
    """

    deployment: Deployment
    chance: random.Random
    client: PatientClient
    faults: Counter[str] = field(default_factory=Counter)
    kills: list[Kill] = field(default_factory=list)
    _later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def run(
        self,
        plan: Callable[[], str | None],
        *,
        pause_seconds: float,
        num_open: int,
        goes_on: Callable[[], bool],
    ) -> None:
        """Cause faults while jobs run, then let everything come to its end.

        Args:
            plan: Chooses the next fault; None ends them.
            pause_seconds: Mean time between two.
            num_open: So many jobs wait or run at any time.
            goes_on: Whether more jobs are asked for.
        """
        due_at = time.monotonic()
        fault: str | None = ""
        while fault is not None or goes_on():
            with suppress(RecordsUnavailable):
                self._step(num_open)
            if fault is not None and time.monotonic() >= due_at:
                fault = plan()
                if fault:
                    self.cause(fault)
                due_at = time.monotonic() + self.chance.expovariate(1 / pause_seconds)
        self.settle()

    def run_actions(
        self, actions: Sequence[Callable[[], None]], pause_seconds: float, *, num_open: int
    ) -> None:
        """Do one thing after the other while jobs run, then let everything come to its end."""
        for action in actions:
            action()
            until = time.monotonic() + pause_seconds
            while time.monotonic() < until:
                with suppress(RecordsUnavailable):
                    self._step(num_open)
        self.settle()

    def cause(self, fault: str) -> None:
        """Bring about one fault now."""
        with suppress(psutil.Error, AssertionError, ProcessLookupError, RecordsUnavailable):
            getattr(self, fault)()
            self.faults[fault] += 1

    def settle(self) -> None:
        """End all faults and wait until every job has ended."""
        for _, undo in self._later:
            undo()
        self._later.clear()

        def is_still() -> bool:
            self.client.ask_again()
            return self.client.all_accepted and not self.client.open_jobs()

        self.deployment.wait_until(is_still, SETTLE_SECONDS)

    def _step(self, num_open: int) -> None:
        self.deployment.tick()
        now = time.monotonic()
        for at, undo in list(self._later):
            if at <= now:
                undo()
                self._later.remove((at, undo))
        self.client.ask_again()
        if len(self.client.open_jobs()) < num_open and self.client.all_accepted:
            self._ask()
        time.sleep(TICK_SECONDS)

    def _ask(self) -> None:
        """Ask for a short job, most often an ingest."""
        draw = self.chance.random()
        ready = [
            each
            for each in self.deployment.records.catalog.datasets(limit=20).items
            if each.state is DatasetState.READY
        ]
        if draw < 0.9 or not ready or not self.deployment.serves("gpu.train"):
            phantom = {"class_counts": COUNTS, "image_size": 64, "seed": self.chance.randrange(3)}
            self.client.ask("/datasets", json={"phantom": phantom, "image_size": 64})
        else:
            body = {"dataset_id": self.chance.choice(ready).id, "family": "vae", "image_size": 64}
            more = {"preset": "tiny", "budget": {"images": 16}, "seed": self.chance.randrange(9)}
            self.client.ask("/train", json=body | more)

    # -- faults ----------------------------------------------------------------------------------

    def kill_process_of_a_job(self) -> None:
        """kill -9 of a process in the middle of a job."""
        job = self._running()
        os.kill(_pid(job), signal.SIGKILL)
        self._note("kill_process_of_a_job", [job])

    def kill_worker(self) -> None:
        """kill -9 of a worker; what it started dies with it."""
        name = self._a_worker()
        held = self._held_below(name)
        self.deployment.kill(name)
        self._note("kill_worker", held)

    def kill_host(self) -> None:
        """The end of a worker with everything it started, in one moment."""
        name = self._a_worker()
        held = self._held_below(name)
        self.deployment.kill_with_all_it_started(name)
        self._note("kill_host", held)

    def kill_api(self) -> None:
        """kill -9 of the API."""
        self.deployment.kill("api")

    def kill_scheduler(self) -> None:
        """kill -9 of the scheduler."""
        self.deployment.kill("scheduler")

    def kill_broker(self) -> None:
        """kill -9 of the broker, which comes back empty."""
        self.deployment.kill(BROKER)

    def stop_process_past_its_lease(self) -> None:
        """SIGSTOP of a process in the middle of a job, until after another has the job."""
        job = self._running()
        self._stop_for_a_while([psutil.Process(_pid(job))])

    def stop_worker_past_its_lease(self) -> None:
        """SIGSTOP of a worker and all below it, as a machine that sleeps."""
        worker = self.deployment.process(self._a_worker())
        self._stop_for_a_while([worker, *worker.children(recursive=True)])

    def _stop_for_a_while(self, processes: Sequence[psutil.Process]) -> None:
        self.deployment.suspend(*processes)
        self._later.append((time.monotonic() + LEASE_SECONDS + 3, lambda: resume(*processes)))

    def restart_a_program(self) -> None:
        """SIGTERM of any program, as a rolling restart does to one after the other."""
        name = self.chance.choice(sorted(self.deployment.children.keys() - {BROKER}))
        self.deployment.children[name].ask_to_stop()

    def wipe_broker(self) -> None:
        """All messages are lost."""
        with suppress(redis.RedisError), self._broker() as broker:
            broker.flushall()

    def repeat_messages(self) -> None:
        """Messages come twice, late, out of order, and for jobs that never were."""
        known = list(self.client.accepted.values())
        sent = [*self.chance.choices(known, k=20), new_id("job")] if known else []
        self.chance.shuffle(sent)
        queue = CeleryQueue(self.deployment.broker_url)
        for job_id in sent:
            queue.notify(self.chance.choice(QUEUES), job_id)

    def leave_broker_down(self) -> None:
        """The broker is away for a while."""
        self.deployment.down.add(BROKER)
        self.deployment.kill(BROKER)
        undo = lambda: self.deployment.down.discard(BROKER)  # noqa: E731
        self._later.append((time.monotonic() + 5, undo))

    def cancel_a_job(self) -> None:
        """A client wants a job no longer, in whatever state it is."""
        if found := self.client.open_jobs():
            self.client.cancel(self.chance.choice(found))

    # -- whom they hit ---------------------------------------------------------------------------

    def _a_worker(self) -> str:
        return self.chance.choice(sorted(n for n in self.deployment.children if "worker" in n))

    def _running(self) -> Job:
        """Wait a moment for a job that runs."""
        for _ in range(40):
            jobs = self.deployment.records.jobs.jobs(state=JobState.RUNNING, limit=50).items
            if jobs:
                return self.chance.choice(jobs)
            self.deployment.tick()
            time.sleep(TICK_SECONDS)
        raise AssertionError("nothing runs")

    def _held_below(self, name: str) -> list[Job]:
        jobs = self.deployment.records.jobs.jobs(state=JobState.RUNNING, limit=50).items
        return [job for job in jobs if f":{name}-" in (job.worker or "")]

    def _note(self, fault: str, jobs: Sequence[Job]) -> None:
        now = datetime.now(UTC)
        self.kills += [Kill(fault, job.id, job.attempt, now) for job in jobs]

    def _broker(self) -> redis.Redis:
        url = self.deployment.broker_url
        if url.startswith("redis+socket://"):
            return redis.Redis(unix_socket_path=url.removeprefix("redis+socket://"))
        return redis.Redis.from_url(url)

    # -- what came of them -----------------------------------------------------------------------

    def restart_gaps(self, *faults: str) -> list[float]:
        """Return for each attempt that a fault ended how long its job waited for the next, s."""
        gaps = []
        for kill in self.kills:
            if kill.fault in faults:
                starts = [
                    event.at
                    for event in self.deployment.records.jobs.events(kill.job_id)
                    if event.kind == EventKind.STATE
                    and event.data["state"] == "running"
                    and event.data["attempt"] == kill.attempt + 1
                ]
                gaps += [max(0.0, (at - kill.at).total_seconds()) for at in starts]
        return gaps


def _pid(job: Job) -> int:
    assert job.worker
    return int(job.worker.rpartition(":")[2])


def begin(deployment: Deployment, seed: int) -> Campaign:
    """Begin a campaign whose choices follow from a seed."""
    chance = random.Random(seed)
    return Campaign(deployment, chance, PatientClient(deployment, chance))
