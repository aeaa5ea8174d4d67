"""How soon the embedded service answers, takes a job and lets go of one.

Starts `synthcxr up` in an empty folder and measures, several times over:

- from the start of the API process to its first answer on /healthz;
- from `synthcxr up` to the first accepted job;
- from the cancel request of a running training to the worker's commit of `cancelled`;
- from a request for 8 images to the set, the first of a model and then at once the second, which
  finds the model loaded.

    python benchmarks/responsiveness.py --repeats 5
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from synthcxr.client import Client

RESULT = Path(__file__).parent / "results" / "responsiveness.json"
TARGETS = {
    "api_to_healthz": 2.0,
    "up_to_accepted_job": 8.0,
    "cancel_to_free_worker": 2.0,
    "first_8_images": None,
    "next_8_images": None,
}
NUM_IMAGES = 8
PHANTOMS = {"normal": 40, "effusion": 40}


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--family", default="ldm", choices=["vae", "gan", "ldm"])
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in TARGETS}
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as folder:
            seconds["api_to_healthz"].append(api_to_healthz(Path(folder)))
        with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (began, client):
            job = client.datasets.add_phantoms(PHANTOMS, size=64, image_size=64)
            seconds["up_to_accepted_job"].append(time.monotonic() - began)
            client.jobs.wait(job.id)
            dataset_id = client.jobs.get(job.id).dataset_id
            seconds["cancel_to_free_worker"].append(
                cancel_to_free_worker(client, dataset_id, arguments.family)
            )
            first, following = first_and_next_set(client, dataset_id, arguments.family)
            seconds["first_8_images"].append(first)
            seconds["next_8_images"].append(following)
    report(seconds, arguments.repeats, arguments.family)


def api_to_healthz(folder: Path) -> float:
    """Start the API alone and wait for its first answer."""
    port = free_port()
    environment = {**os.environ, "SYNTHCXR_DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "service", "api", "--port", str(port)]
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_for_answer(f"http://127.0.0.1:{port}/healthz")
        return time.monotonic() - began
    finally:
        process.terminate()
        process.wait()


@contextmanager
def running(folder: Path) -> Iterator[tuple[float, Client]]:
    """Start the embedded service; yields when it was started and a client for it."""
    port = free_port()
    command = [sys.executable, "-m", "synthcxr", "up", "--data-dir", str(folder)]
    began = time.monotonic()
    process = subprocess.Popen([*command, "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        wait_for_answer(f"http://127.0.0.1:{port}/readyz")
        with Client(f"http://127.0.0.1:{port}") as client:
            yield began, client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def cancel_to_free_worker(client: Client, dataset_id: str, family: str) -> float:
    """Cancel a training with the standard preset in full run."""
    job = client.train(
        dataset_id, family=family, image_size=64, budget={"images": 10_000_000}, seed=0
    )
    while not (client.jobs.get(job.id).metrics or {}):
        time.sleep(0.1)
    time.sleep(2)
    began = time.monotonic()
    client.jobs.cancel(job.id)
    while client.jobs.get(job.id).state != "cancelled":
        time.sleep(0.02)
    return time.monotonic() - began


def first_and_next_set(client: Client, dataset_id: str, family: str) -> tuple[float, float]:
    """Time two sets in a row of a model that was hardly trained; what it shows does not matter."""
    job = client.train(dataset_id, family=family, image_size=64, budget={"images": 256}, seed=0)
    job = client.jobs.wait(job.id)
    job.raise_unless_succeeded()
    first, following = (seconds_to_set(client, job.model_id, seed) for seed in (1, 2))
    return first, following


def seconds_to_set(client: Client, model_id: str, seed: int) -> float:
    """Ask for a small set and wait for it."""
    began = time.monotonic()
    job = client.generate(model_id, class_counts={"normal": NUM_IMAGES}, seed=seed)
    while not job.done:
        job = client.jobs.get(job.id, wait=10)
    job.raise_unless_succeeded()
    return time.monotonic() - began


def wait_for_answer(url: str) -> None:
    """Poll until a URL answers 200."""
    while True:
        try:
            if httpx.get(url, timeout=1, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def report(seconds: dict[str, list[float]], repeats: int, family: str) -> None:
    """Print a table and keep the figures."""
    print(f"{'':24}{'median s':>10}{'worst s':>10}{'target s':>10}")
    for name, values in seconds.items():
        worst, median = max(values), statistics.median(values)
        target = TARGETS[name]
        print(f"{name:24}{median:10.2f}{worst:10.2f}{target or '':>10}")
    result = {
        "command": f"python benchmarks/responsiveness.py --repeats {repeats} --family {family}",
        "machine": {"cores": os.cpu_count(), "architecture": platform.machine()},
        "seconds": seconds,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
