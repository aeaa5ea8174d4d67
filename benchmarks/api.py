"""How much the API bears: polling, submitting, listing, and a thousand streams beside them.

    python -m benchmarks.api --seconds 10

The API runs as it does in service (`python -m service api`, with the embedded broker) on SQLite
and, where SYNTHCXR_TEST_POSTGRES_URL names a server, on PostgreSQL. Every request
carries a key, every POST an Idempotency-Key, and is durable when it is answered. Beside each figure
stands a limit that was measured in the same run: what an app that only sends an answer of that size
reaches under the same server, and how often a bare transaction can be committed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import uvloop
from sqlalchemy import create_engine, make_url, text

from benchmarks.evaluation.machine import conditions
from benchmarks.http_load import Order
from service.adapters.clock import SystemClock
from service.adapters.sql_engine import open_engine
from service.adapters.sql_migrate import migrate
from service.adapters.sql_records import sql_records
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobProgress, JobState
from service.domain.record_ports import Records
from service.domain.records import ClassSplit, Dataset, DatasetState
from service.domain.requests import DatasetSource, TrainingBudget, TrainRequest
from synthcxr.embedded.broker import choose_broker

RESULT = Path(__file__).parent / "results" / "api.json"
NUM_JOBS = 200  # that are polled and listed; some of them are followed
NUM_FOLLOWED = 20  # running jobs, each with a report a second
TARGETS = {
    "GET /jobs/{id}": 2000,
    "POST /train": 200,
    "GET /jobs?limit=200": 100,
}
BROKER_DOWN = "POST /train, broker down"


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="of each figure")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    postgres = os.environ.get("SYNTHCXR_TEST_POSTGRES_URL")
    result: dict[str, Any] = {
        "conditions": conditions(),
        "arguments": vars(arguments) | {"out": ""},
    }
    for name in ["sqlite", *(["postgresql"] if postgres else [])]:
        with tempfile.TemporaryDirectory() as folder, database(name, folder, postgres) as url:
            result[name] = measure(Path(folder), url, arguments)
        print_table(name, result[name])
    arguments.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


@contextmanager
def database(name: str, folder: str, server: str | None) -> Iterator[str]:
    """Make an empty database, gone afterwards."""
    if name == "sqlite":
        yield f"sqlite:///{folder}/synthcxr.db"
        return
    assert server is not None
    own = f"api_{uuid.uuid4().hex}"
    admin = create_engine(make_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {own}"))
        yield make_url(server).set(database=own).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {own} WITH (FORCE)"))


def measure(folder: Path, url: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure every figure on one database."""
    engine = open_engine(url)
    migrate(engine)
    records = sql_records(engine, SystemClock())
    dataset_id, jobs = fill(records)
    followed = [claimed(records, job) for job in jobs[:NUM_FOLLOWED]]
    body = {"dataset_id": dataset_id, "family": "vae", "budget": {"images": 1000}}
    orders = {
        "GET /jobs/{id}": {"requests": [f"GET /jobs/{job.id}" for job in jobs]},
        "POST /train": {"requests": ["POST /train"], "body": json.dumps(body)},
        "GET /jobs?limit=200": {"requests": ["GET /jobs?limit=200"]},
    }
    common: dict[str, Any] = {"connections": arguments.connections, "seconds": arguments.seconds}
    found: dict[str, Any] = {"commits_per_second": bare_commits(url, arguments.seconds)}
    with served(folder, url) as (port, api, key, stop_broker):
        common["headers"] = {"Authorization": f"Bearer {key}"}
        for name, order in orders.items():
            outcome = load(Order(port=port, **order, **common), api)
            with bare(outcome["answer_bytes"]) as (bare_port, bare_app):
                limit = load(Order(port=bare_port, **order, **common), bare_app)
            found[name] = {**outcome, "bare": limit}
        order = Order(port=port, **orders["GET /jobs/{id}"], **common)
        with reporting(records, followed):
            alone, memory = load(order, api), api.memory_info().rss
            ids = [job.id for job in followed]
            with streams(port, key, ids, arguments.streams) as num_open:
                beside = load(order, api)
                found["streams"] = {
                    "num": num_open(),
                    "p99_ms_alone": alone["p99_ms"],
                    "p99_ms_beside": beside["p99_ms"],
                    "per_second_alone": alone["per_second"],
                    "per_second_beside": beside["per_second"],
                    "mib_alone": memory / 2**20,
                    "mib_beside": api.memory_info().rss / 2**20,
                }
        stop_broker()
        found[BROKER_DOWN] = load(Order(port=port, **orders["POST /train"], **common), api)
    records.database.close()
    return found


def fill(records: Records) -> tuple[str, list[Job]]:
    """Write a dataset that is ready, and jobs."""
    now = datetime.now(UTC)
    split = ClassSplit(600, 400, included=60, holdout=60, test=140)
    dataset = Dataset(
        id=new_id("ds"),
        name="images",
        state=DatasetState.READY,
        source=DatasetSource(path="/radiographs"),
        created_at=now,
        job_id=new_id("job"),
        classes={"normal": split, "effusion": split},
        image_size=128,
        bit_depth=8,
        version="e" * 64,
    )
    request = TrainRequest(
        dataset.id, "vae", 64, "tiny", {"width": 8}, TrainingBudget(images=1000), seed=1
    )
    jobs = [
        Job(new_id("job"), JobKind.TRAIN, "gpu.train", JobState.QUEUED, request, now)
        for _ in range(NUM_JOBS)
    ]
    for number, job in enumerate(jobs):
        records.jobs.submit(job, dataset=None if number else dataset)
    return dataset.id, jobs


def claimed(records: Records, job: Job) -> Job:
    """Let a job run."""
    taken = records.jobs.claim(job.id, worker="benchmark", lease_seconds=3600)
    assert taken is not None
    return taken


@contextmanager
def served(folder: Path, url: str) -> Iterator[tuple[int, psutil.Process, str, Callable[[], None]]]:
    """Run the API with a broker; yields its port, its process, a key, and what ends the broker."""
    port = free_port()
    broker = choose_broker(folder, {})
    environment = {
        **os.environ,
        "SYNTHCXR_DATA_DIR": str(folder),
        "SYNTHCXR_DATABASE_URL": url,
        "SYNTHCXR_BROKER_URL": broker.url,
    }
    with ExitStack() as processes:
        assert broker.program is not None, "an embedded broker is a process"
        queue = processes.enter_context(running([*broker.program.command], {**os.environ}))
        service = [sys.executable, "-m", "service"]
        key = subprocess.run(
            [*service, "create-key"], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()
        api = [*service, "api", "--port", str(port)]
        process = processes.enter_context(running(api, environment))
        wait_for_answer(port)
        yield port, psutil.Process(process.pid), key, queue.kill


@contextmanager
def bare(size: int) -> Iterator[tuple[int, psutil.Process]]:
    """Run an app that only sends an answer of a size, under the same server."""
    port = free_port()
    code = f"from benchmarks.api import serve_bare; serve_bare({port}, {size})"
    with running([sys.executable, "-c", code], {**os.environ}) as process:
        wait_for_answer(port)
        yield port, psutil.Process(process.pid)


def serve_bare(port: int, size: int) -> None:
    """Answer every request with so many bytes."""
    import uvicorn

    from service.api.http.server import server_config
    from service.settings import Settings

    body = b"x" * size

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while scope["type"] == "http" and (await receive()).get("more_body"):
            pass
        headers = [(b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = server_config(app, Settings(port=port), lifespan="off")  # type: ignore[arg-type]
    uvicorn.Server(config).run()


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process; it is ended afterwards."""
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def load(order: Order, server: psutil.Process) -> dict[str, Any]:
    """Send requests from a process of its own; returns its outcome and what the server spent."""
    before = cpu_seconds(server)
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.http_load"],
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        check=True,
    )
    outcome = json.loads(answer.stdout)
    spent = cpu_seconds(server) - before
    return outcome | {"cpu_ms": 1000 * spent / sum(outcome["statuses"].values())}


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time that a process has used."""
    times = process.cpu_times()
    return times.user + times.system


@contextmanager
def reporting(records: Records, jobs: list[Job]) -> Iterator[None]:
    """Report progress of running jobs, each once a second."""
    stopped = threading.Event()

    def report() -> None:
        images = 0
        while not stopped.is_set():
            for job in jobs:
                images += 1
                progress = JobProgress("training", images_seen=images, total_images=10**9)
                records.jobs.record(job.claim_held, progress=progress, metrics={"loss": 0.5})
                stopped.wait(1 / len(jobs))

    thread = threading.Thread(target=report)
    thread.start()
    yield
    stopped.set()
    thread.join()


@contextmanager
def streams(port: int, key: str, job_ids: list[str], num: int) -> Iterator[Any]:
    """Follow jobs by so many streams; yields a function that counts those that got messages."""
    started = threading.Event()
    heard: set[int] = set()
    loop: list[asyncio.AbstractEventLoop] = []
    stop: list[asyncio.Event] = []

    async def follow(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        job_id = job_ids[number % len(job_ids)]
        writer.write(
            f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Authorization: Bearer {key}\r\nAccept: text/event-stream\r\n\r\n".encode()
        )
        while piece := await reader.read(65536):
            if b"event: progress" in piece:
                heard.add(number)
        writer.close()

    async def follow_all() -> None:
        loop.append(asyncio.get_running_loop())
        stop.append(asyncio.Event())
        tasks = [asyncio.create_task(follow(number)) for number in range(num)]
        await asyncio.sleep(5)  # until all are open
        started.set()
        await stop[0].wait()
        for task in tasks:
            task.cancel()

    thread = threading.Thread(target=lambda: uvloop.run(follow_all()))
    thread.start()
    started.wait()
    yield lambda: len(heard)
    loop[0].call_soon_threadsafe(stop[0].set)
    thread.join()


def bare_commits(url: str, seconds: float) -> float:
    """Count how often a row can be written durably a second, one after another."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = f"{parsed.database}.bare"
        connection: Any = sqlite3.connect(path)
        connection.execute("PRAGMA synchronous=FULL")
        write = "INSERT INTO bare VALUES (?)"
    else:
        import psycopg

        plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg.connect(plain)
        write = "INSERT INTO bare VALUES (%s)"
    connection.execute("CREATE TABLE bare (x TEXT)")
    connection.commit()
    num, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        connection.execute(write, ("x" * 1000,))
        connection.commit()
        num += 1
    connection.execute("DROP TABLE bare")
    connection.commit()
    connection.close()
    return num / seconds


def wait_for_answer(port: int) -> None:
    """Poll until somebody answers."""
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=1, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def print_table(name: str, found: dict[str, Any]) -> None:
    """Print the figures of one database."""
    print(f"{name}: {found['commits_per_second']:.0f} bare commits/s")
    for what, target in TARGETS.items():
        it = found[what]
        bare_app = it["bare"]
        print(
            f"  {what:22}{it['per_second']:8.0f}/s (target {target}), "
            f"{it['per_second'] / bare_app['per_second']:.2f} of a bare answer; "
            f"p50 {it['p50_ms']:.1f} ms, p99 {it['p99_ms']:.1f} ms; processor time "
            f"{it['cpu_ms']:.2f} ms (bare {bare_app['cpu_ms']:.2f})  {it['statuses']}"
        )
    it = found[BROKER_DOWN]
    print(f"  {BROKER_DOWN}: p99 {it['p99_ms']:.1f} ms (target 250)  {it['statuses']}")
    it = found["streams"]
    print(
        f"  {it['num']} streams: p99 {it['p99_ms_alone']:.1f} to {it['p99_ms_beside']:.1f} ms, "
        f"memory {it['mib_alone']:.0f} to {it['mib_beside']:.0f} MiB"
    )


if __name__ == "__main__":
    main()
