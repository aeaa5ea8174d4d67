"""`make faults`: as many random faults as fit into a time, and what came of them.

python -m tests.faults.long_run --seconds 3600 --seed 1
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.evaluation.machine import conditions
from service.domain.job import Job, JobState
from synthcxr.embedded.broker import BROKER
from tests.faults import campaign as faults
from tests.faults import page
from tests.faults.campaign import COUNTS, Campaign
from tests.faults.client import PatientClient
from tests.faults.deployment import LEASE_SECONDS, TICK_SECONDS, Deployment, deployed
from tests.faults.judge import Judgement, judge

RESULTS = Path("benchmarks/results/faults.json")
WORKERS = {f"worker-{number}": "cpu.ingest" for number in (1, 2, 3)} | {
    "worker-4": "cpu.ingest,gpu.train"
}
# What ends a worker is seldom: the next one takes long to import what it needs, and runs no job.
WEIGHTS = {
    "kill_process_of_a_job": 100,
    "kill_broker": 8,
    "kill_scheduler": 6,
    "cancel_a_job": 6,
    "kill_api": 4,
    "wipe_broker": 3,
    "repeat_messages": 3,
    "kill_worker": 1,
    "kill_host": 1,
    "restart_a_program": 1,
    "stop_process_past_its_lease": 1,
    "stop_worker_past_its_lease": 1,
    "leave_broker_down": 1,
}
NUM_CANCELS = 200
NUM_POSTS = 200
LONG_TRAINING = {"family": "vae", "image_size": 64, "preset": "tiny", "budget": {"images": 10**7}}


def main() -> None:
    """Run, judge and write down what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.5, help="mean seconds between two faults")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        deployed(Path(folder) / "data", WORKERS) as deployment,
    ):
        found = measured(deployment, arguments.seed, arguments.seconds, arguments.pause)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    page.write(found)
    print(json.dumps(found, indent=2))
    assert not found["lost"]
    assert not found["doubled"]
    assert not found["faults"]


def measured(deployment: Deployment, seed: int, seconds: float, pause: float) -> dict[str, Any]:
    """Cause faults for most of the time, then cancel jobs, then take the broker away."""
    campaign = faults.begin(deployment, seed)
    began = time.monotonic()
    until = began + 0.75 * seconds
    kinds, weights = list(WEIGHTS), list(WEIGHTS.values())

    def plan() -> str | None:
        if time.monotonic() > until:
            return None
        [fault] = campaign.chance.choices(kinds, weights)
        return fault

    with suppress(AssertionError):  # what has not ended after so long, the judge calls lost
        campaign.run(
            plan, pause_seconds=pause, num_open=6, goes_on=lambda: time.monotonic() < until
        )
    num_jobs, kill_seconds = len(campaign.client.accepted), time.monotonic() - began
    cancels = _cancelled(campaign, NUM_CANCELS, began + seconds)
    posts = _posted_without_broker(campaign, NUM_POSTS)
    found = judge(deployment, campaign.client.accepted)
    return _summary(campaign, found, num_jobs, kill_seconds, cancels, posts) | {"seed": seed}


def _cancelled(campaign: Campaign, number: int, until: float) -> dict[str, list[float]]:
    """Cancel jobs, a third of them while they wait and the others somewhere in their course.

    Returns:
        Seconds from the request to the end of the job, by the state it was cancelled in.
    """
    deployment, client = campaign.deployment, campaign.client
    took: dict[str, list[float]] = {"queued": [], "running": []}
    dataset_id = next(
        job.result.dataset_id for job in client.jobs() if job.result and job.result.dataset_id
    )
    for wanted in islice(cycle(["queued", "running", "running"]), number):
        if time.monotonic() > until:
            break
        if campaign.chance.random() < 0.5:
            phantom = {"class_counts": {"normal": 4000, "effusion": 4000}, "image_size": 64}
            job_id = client.ask("/datasets", json={"phantom": phantom})
        else:
            job_id = client.ask("/train", json={"dataset_id": dataset_id, **LONG_TRAINING})
        if job_id is None:
            continue
        if wanted == "running":
            _let_run(deployment, job_id, campaign.chance.uniform(0, 3))
        state = str(deployment.records.jobs.job(job_id).state)
        asked_at = datetime.now(UTC)
        if client.cancel(deployment.records.jobs.job(job_id)):
            ended_at = _ended(deployment, job_id).finished_at or datetime.now(UTC)
            took[state].append(max(0.0, (ended_at - asked_at).total_seconds()))
    return took


def _let_run(deployment: Deployment, job_id: str, seconds: float) -> None:
    jobs = deployment.records.jobs
    deployment.wait_until(lambda: jobs.job(job_id).state is not JobState.QUEUED)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        deployment.tick()
        time.sleep(TICK_SECONDS)


def _ended(deployment: Deployment, job_id: str) -> Job:
    jobs = deployment.records.jobs
    deployment.wait_until(lambda: jobs.job(job_id).state.done)
    return jobs.job(job_id)


def _posted_without_broker(campaign: Campaign, number: int) -> list[float]:
    """Ask for jobs while there is no broker; returns the seconds to each 202."""
    deployment = campaign.deployment
    deployment.down.add(BROKER)
    deployment.kill(BROKER)
    deployment.tick()
    client = PatientClient(deployment, random.Random(0))
    for seed in range(number):
        phantom = {"class_counts": COUNTS, "image_size": 64, "seed": seed % 3}
        client.ask("/datasets", json={"phantom": phantom, "image_size": 64})
    for job in client.open_jobs()[20:]:  # enough of them are carried out
        client.cancel(job)
    campaign.client.adopt(client.accepted)
    campaign.settle()
    deployment.down.discard(BROKER)
    return client.answered_after


def _summary(
    campaign: Campaign,
    found: Judgement,
    num_jobs: int,
    kill_seconds: float,
    cancels: dict[str, list[float]],
    posts: Sequence[float],
) -> dict[str, Any]:
    gaps = {
        "killed process": campaign.restart_gaps("kill_process_of_a_job"),
        "killed worker or host": campaign.restart_gaps("kill_worker", "kill_host"),
    }
    kills = {name: n for name, n in campaign.faults.items() if name.startswith("kill")}
    return {
        "at": datetime.now(UTC).date().isoformat(),
        "machine": conditions() | {"load of others and ours": round(os.getloadavg()[2], 1)},
        "seconds": round(kill_seconds),
        "lease_seconds": LEASE_SECONDS,
        "jobs": {"accepted": len(campaign.client.accepted), "while killing": num_jobs}
        | dict(found.jobs),
        "kills": kills | {"in all": sum(kills.values())},
        "attempts ended by kills": len(campaign.kills),
        "other faults": {n: k for n, k in campaign.faults.items() if n not in kills},
        "lost": list(found.lost),
        "doubled": [*found.doubled, *campaign.client.wrong],
        "faults": list(found.faults),
        "pruned": found.pruned,
        "restart gap seconds": {name: _percentiles(gap) for name, gap in gaps.items()},
        "cancel seconds": {state: _percentiles(took) for state, took in cancels.items()}
        | {"in all": _percentiles([each for took in cancels.values() for each in took])},
        "post without broker seconds": _percentiles(posts),
        "requests without an answer": campaign.client.num_unanswered,
    }


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return how many there are, the median, the 99th percentile and the largest."""
    if not seconds:
        return {"number": 0}
    ordered = sorted(seconds)
    at_99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    shown = {"median": statistics.median(ordered), "p99": at_99, "largest": ordered[-1]}
    return {"number": len(ordered)} | {name: round(value, 3) for name, value in shown.items()}


if __name__ == "__main__":
    main()
