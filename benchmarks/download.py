"""How fast a set of 50,000 images comes from the API over loopback.

    python -m benchmarks.download

The API runs as it does in service, and sends a file as large as the package of such a set. It is
read by a socket that throws the bytes away, which is what the API can send, and downloaded by our
client, which writes the file, takes its SHA-256 and flushes it to the disk. Processor time stands
beside each, since a machine that does other work too says little by its clock.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.api import cpu_seconds, served
from benchmarks.evaluation.machine import conditions
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

NUM_BYTES = 185_000_000  # 50,000 images of 64 px, as `benchmarks.packaging` writes them
NUM_RUNS = 5
RESULT = Path(__file__).parent / "results" / "download.json"
_READ_BYTES = 2**20


def main() -> None:
    """Measure, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--bytes", type=int, default=NUM_BYTES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {**conditions(), **measure(Path(folder), arguments.bytes)}
    print(json.dumps(found, indent=2))
    RESULT.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def measure(folder: Path, num_bytes: int) -> dict[str, Any]:
    """Download one file several times, each way."""
    url, set_id = f"sqlite:///{folder}/synthcxr.db", new_id("syn")
    sent = stored(folder, set_id, num_bytes)
    released(url, set_id, sent)
    with served(folder, url) as (port, api, key, _):

        def thrown_away() -> None:
            read(port, f"/synthetic-sets/{set_id}/download", key)

        def kept() -> None:
            with Client(f"http://127.0.0.1:{port}", token=key) as client:
                client.sets.download(set_id, folder / "set.zip")

        return {
            "num_bytes": num_bytes,
            "load_average": round(os.getloadavg()[0], 1),
            "sent": timed(thrown_away, num_bytes, api),
            "downloaded_and_checked": timed(kept, num_bytes, api),
        }


def stored(folder: Path, set_id: str, num_bytes: int) -> ArtifactRef:
    """Store a file of random bytes as the ZIP of a set."""
    key = f"synthetic-sets/{set_id}-0/set.zip"
    path = folder / "artifacts" / key
    path.parent.mkdir(parents=True)
    content = os.urandom(num_bytes)
    path.write_bytes(content)
    return ArtifactRef(key, hashlib.sha256(content).hexdigest(), num_bytes)


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


def timed(work: Callable[[], None], num_bytes: int, api: psutil.Process) -> dict[str, float]:
    """Do the work several times; medians of its speed and of the processor time of both sides."""
    seconds, ours, of_api = [], [], []
    for _ in range(NUM_RUNS):
        before, mine, began = cpu_seconds(api), time.process_time(), time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
        ours.append(time.process_time() - mine)
        of_api.append(cpu_seconds(api) - before)
    return {
        "mb_per_second": round(num_bytes / 1e6 / statistics.median(seconds), 1),
        "cpu_seconds": round(statistics.median(ours), 3),
        "cpu_seconds_of_the_api": round(statistics.median(of_api), 3),
    }


if __name__ == "__main__":
    main()
