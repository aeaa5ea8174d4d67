"""How fast a set of 50,000 images comes from the API over loopback.

    python -m benchmarks.download

The API runs as it does in service, and sends the signed package of such a set. In turn, so that
other work on the machine slows all alike:

- `bare`: a process that has the kernel send the same file (`sendfile`) to a socket whose bytes are
  thrown away, which is what the loopback bears;
- `sent`: the API to such a socket;
- `downloaded`: `client.sets.download`, which writes the file, takes its SHA-256 and flushes it;
- `downloaded_and_verified`: `client.sets.download_verified`, which also reads every file in it and
  checks their sums and the signature.

Processor time stands beside each, since a machine that does other work too says little by its
clock: `mb_per_cpu_second` is what one core of the client's alone would bear.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.api import cpu_seconds, free_port, running, served
from benchmarks.evaluation.machine import conditions
from benchmarks.packaging import draw_phantoms, package, stage
from radiographs.phantom import FINDINGS
from release.gate.verdict import Verdict
from service.adapters.clock import SystemClock
from service.adapters.sql_engine import open_engine
from service.adapters.sql_migrate import migrate
from service.adapters.sql_records import sql_records
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.records import ArtifactRef, GeneratedSet, SyntheticSet
from service.domain.requests import GenerateRequest
from synthcxr import Client

NUM_IMAGES = 50_000
NUM_ROUNDS = 5
RESULT = Path(__file__).parent / "results" / "download.json"
_READ_BYTES = 2**20


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--images", type=int, default=NUM_IMAGES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {**conditions(), **measure(Path(folder), arguments.images)}
    print(json.dumps(found, indent=2))
    RESULT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def measure(folder: Path, num_images: int) -> dict[str, Any]:
    """Download one package several times, each way in turn."""
    url, set_id = f"sqlite:///{folder}/synthcxr.db", new_id("syn")
    sent = stored(folder, set_id, num_images)
    released(url, set_id, sent)
    path, destination = f"/synthetic-sets/{set_id}/download", folder / "set.zip"
    bare_port = free_port()
    file = str(folder / "artifacts" / sent.key)
    alone = [sys.executable, "-m", "benchmarks.bare_file", str(bare_port), file]
    with (
        served(folder, url) as (port, api, key, _),
        running(alone, {**os.environ}) as process,
        Client(f"http://127.0.0.1:{port}", token=key) as client,
    ):
        wait_for_socket(bare_port)
        bare = psutil.Process(process.pid)
        ways: dict[str, tuple[Callable[[], object], psutil.Process]] = {
            "bare": (lambda: read(bare_port, path, key), bare),
            "sent": (lambda: read(port, path, key), api),
            "downloaded": (lambda: client.sets.download(set_id, destination), api),
            "downloaded_and_verified": (
                lambda: client.sets.download_verified(set_id, destination),
                api,
            ),
        }
        return {
            "num_images": num_images,
            "num_bytes": sent.num_bytes,
            "load_average": round(os.getloadavg()[0], 1),
            **timed(ways, sent.num_bytes),
        }


def stored(folder: Path, set_id: str, num_images: int) -> ArtifactRef:
    """Store the package of a set that is signed by the key of the service in this folder."""
    raw, drawn = folder / "images.raw", folder / "phantoms.npy"
    draw_phantoms(drawn)
    stage(raw, drawn, num_images)
    package(folder, raw, num_images, "png")
    raw.unlink()
    key = f"synthetic-sets/{set_id}-0/set.zip"
    path = folder / "artifacts" / key
    path.parent.mkdir(parents=True)
    (folder / "png.zip").rename(path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return ArtifactRef(key, sha256, path.stat().st_size)


def released(url: str, set_id: str, sent: ArtifactRef) -> None:
    """Record a set that passed."""
    engine = open_engine(url)
    migrate(engine)
    records = sql_records(engine, SystemClock())
    now = datetime.now(UTC)
    counts = dict.fromkeys(FINDINGS, 1)
    request = GenerateRequest(new_id("mdl"), new_id("ds"), counts, 1, {}, synthetic_set_id=set_id)
    job = Job(new_id("job"), JobKind.GENERATE, "gpu.generate", JobState.QUEUED, request, now)
    records.jobs.submit(job)
    claimed = records.jobs.claim(job.id, worker="benchmark", lease_seconds=3600)
    assert claimed is not None
    made = SyntheticSet(
        id=set_id,
        model_id=request.model_id,
        job_id=job.id,
        num_images=len(counts),
        class_counts=counts,
        zip=sent,
        manifest=sent,
        created_at=now,
        dataset_id=request.dataset_id,
        verdict=Verdict("passed"),
        report=sent,
        findings=sent,
    )
    records.jobs.succeed(claimed.claim_held, GeneratedSet(made, {"num_drawn": len(counts)}, []))
    records.database.close()


def read(port: int, path: str, key: str) -> None:
    """Read an answer to its end, and keep nothing of it."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    assert answer.status == http.client.OK, answer.read()
    buffer = bytearray(_READ_BYTES)
    while answer.readinto(buffer):
        pass
    connection.close()


def timed(
    ways: dict[str, tuple[Callable[[], object], psutil.Process]], num_bytes: int
) -> dict[str, dict[str, float]]:
    """Do each work in turn, several times; medians of the clock and of both sides' processors."""
    spent: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    for _ in range(NUM_ROUNDS):
        for name, (work, server) in ways.items():
            before, mine, began = cpu_seconds(server), time.process_time(), time.perf_counter()
            work()
            seconds, ours = time.perf_counter() - began, time.process_time() - mine
            spent[name].append((seconds, ours, cpu_seconds(server) - before))
    found = {}
    for name, runs in spent.items():
        seconds, ours, of_server = (statistics.median(values) for values in zip(*runs, strict=True))
        found[name] = {
            "mb_per_second": round(num_bytes / 1e6 / seconds, 1),
            "cpu_seconds": round(ours, 3),
            "cpu_seconds_of_the_server": round(of_server, 3),
            "mb_per_cpu_second": round(num_bytes / 1e6 / ours, 1),
        }
    return found


def wait_for_socket(port: int) -> None:
    """Connect until somebody accepts."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    main()
