"""The same kills for this service and for a plain Celery task: how many jobs are lost or doubled.

Each contestant gets the same small ingests and two workers of one process each; from then on the
process of a job, a whole worker, or the broker is killed, in an order that follows from a seed. At
the end everything runs undisturbed until nothing changes any more.

    python -m benchmarks.durability --jobs 40 --seed 1
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.evaluation.machine import conditions
from synthcxr.embedded.broker import BROKER, choose_broker, prepare_socket, wait_for_broker
from synthcxr.embedded.processes import Child, Program
from tests.faults import campaign
from tests.faults.campaign import COUNTS
from tests.faults.deployment import deployed
from tests.faults.judge import judge

RESULT = Path(__file__).parent / "results" / "durability.json"
PROCESS, WORKER = "the process of a job", "a worker with all below it"
KILLS = [PROCESS] * 12 + [WORKER] * 3 + [BROKER]
PAUSE_SECONDS = 3.0  # between two kills, on average
STILL_SECONDS = 60.0  # without a new commit nothing more is expected
NUM_WORKERS = 2
CELERY = {
    "Celery, acknowledged early (its default)": {},
    "Celery, acknowledged late": {"PLAIN_CELERY_ACKS_LATE": "1"},
    "Celery, acknowledged late, visibility timeout 5 s": {
        "PLAIN_CELERY_ACKS_LATE": "1",
        "PLAIN_CELERY_VISIBILITY": "5",
    },
}


@dataclass(frozen=True)
class Outcome:
    """What became of the jobs that were accepted, under so many kills."""

    accepted: int
    kills: int
    lost: int
    doubled: int


def main() -> None:
    """Run all contestants and write down what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for name, variables in CELERY.items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = vars(plain_celery(Path(folder), options.jobs, options.seed, variables))
            print(name, found[name], flush=True)
    with tempfile.TemporaryDirectory() as folder:
        found["this service"] = vars(this_service(Path(folder), options.jobs, options.seed))
        print("this service", found["this service"], flush=True)
    content = {"conditions": conditions() | {"load": round(os.getloadavg()[2], 1)}}
    content |= {"seed": options.seed, "kills": Counter(KILLS), "outcomes": found}
    RESULT.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def disturb(
    seed: int, kill: Callable[[str], bool], is_over: Callable[[], bool], tick: Callable[[], None]
) -> int:
    """Kill one after the other, each as soon as there is what to kill, until all jobs are done.

    Returns:
        How many were killed.
    """
    chance = random.Random(seed)  # noqa: S311 - which to kill
    kills = chance.sample(KILLS, len(KILLS))
    for number, victim in enumerate(kills):
        until = time.monotonic() + chance.expovariate(1 / PAUSE_SECONDS)
        while time.monotonic() < until or not kill(victim):
            if is_over():
                return number
            tick()
            time.sleep(0.05)
    return len(kills)


def this_service(folder: Path, num_jobs: int, seed: int) -> Outcome:
    """Send the jobs to a service and judge it."""
    workers = {f"worker-{number}": "cpu.ingest" for number in range(NUM_WORKERS)}
    with deployed(folder / "data", workers) as deployment:
        running = campaign.begin(deployment, seed)
        for number in range(num_jobs):
            phantom = {"class_counts": COUNTS, "image_size": 64, "seed": number % 3}
            running.client.ask("/datasets", json={"phantom": phantom, "image_size": 64})
        faults = {PROCESS: "kill_process_of_a_job", WORKER: "kill_host", BROKER: "kill_broker"}

        def kill(victim: str) -> bool:
            before = running.faults.total()
            running.cause(faults[victim])
            return running.faults.total() > before

        num_kills = disturb(seed, kill, lambda: not running.client.open_jobs(), deployment.tick)
        running.settle()
        found = judge(deployment, running.client.accepted)
        return Outcome(num_jobs, num_kills, len(found.lost), len(found.doubled))


def plain_celery(folder: Path, num_jobs: int, seed: int, variables: Mapping[str, str]) -> Outcome:
    """Send the jobs to Celery and count the commits."""
    broker = choose_broker(folder, {"PATH": os.environ["PATH"]})
    assert broker.program
    assert broker.socket
    prepare_socket(broker.socket)
    environment = {"PLAIN_CELERY_FOLDER": str(folder), "PLAIN_CELERY_BROKER": broker.url}
    environment |= variables
    command = (sys.executable, "-m", "celery", "-A", "benchmarks.plain_celery", "worker", "-c", "1")
    workers = (
        Program(f"w{number}", (*command, "-n", f"w{number}@here"), environment)
        for number in range(NUM_WORKERS)
    )
    programs = [broker.program, *workers]
    children = {each.name: Child(each, folder / f"{each.name}.log") for each in programs}

    def tick() -> None:
        for child in children.values():
            child.reap()
            if child.pid is None:
                child.start()

    try:
        tick()
        assert wait_for_broker(broker.socket)
        _send(num_jobs, environment)
        chance = random.Random(seed)  # noqa: S311 - which to kill
        num_kills = disturb(
            seed,
            lambda victim: _killed(children, victim, chance),
            lambda: len(_commits(folder)) == num_jobs,
            tick,
        )
        commits = _last_commits(folder, num_jobs, tick)
        doubled = sum(times > 1 for times in commits.values())
        return Outcome(num_jobs, num_kills, num_jobs - len(commits), doubled)
    finally:
        for child in children.values():
            child.wait_or_kill(0)


def _send(num_jobs: int, environment: Mapping[str, str]) -> None:
    os.environ.update(environment)  # before the module is read for the first time
    from benchmarks.plain_celery import app

    app.conf.broker_url = environment["PLAIN_CELERY_BROKER"]
    with app.connection_for_write(environment["PLAIN_CELERY_BROKER"]) as connection:
        for number in range(num_jobs):
            arguments = [f"job{number}", number % 3]
            app.send_task("benchmarks.plain_celery.ingest", arguments, connection=connection)


def _killed(children: Mapping[str, Child], victim: str, chance: random.Random) -> bool:
    """Kill; returns whether there was anything to kill."""
    if victim == BROKER:
        return _kill(children[BROKER].pid)
    pid = children[chance.choice([name for name in children if name != BROKER])].pid
    with suppress(psutil.Error):
        pool = psutil.Process(pid).children() if pid else []
        if pool and victim == PROCESS:
            return _kill(chance.choice(pool).pid)
        if pool and pid:
            os.killpg(pid, signal.SIGKILL)
            return True
    return False


def _kill(pid: int | None) -> bool:
    with suppress(ProcessLookupError):
        if pid:
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def _last_commits(folder: Path, num_jobs: int, tick: Callable[[], None]) -> Counter[str]:
    """Wait until no more jobs come to their end; returns how often each did."""
    commits, changed_at = _commits(folder), time.monotonic()
    while time.monotonic() - changed_at < STILL_SECONDS and len(commits) < num_jobs:
        tick()
        time.sleep(0.1)
        before, commits = commits, _commits(folder)
        if commits != before:
            changed_at = time.monotonic()
    return commits


def _commits(folder: Path) -> Counter[str]:
    commits = folder / "commits"
    return Counter(commits.read_text().split()) if commits.exists() else Counter()


if __name__ == "__main__":
    main()
