"""The service end to end on a device, and whether a killed worker's memory comes back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import torch

from service.adapters.clock import SystemClock
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.domain.job import JobState
from service.domain.record_ports import Records
from service.settings import Settings
from synthcxr.client import Client

START_SECONDS = 120.0
FREED_WITHIN_SECONDS = 20.0
COUNTS = {"normal": 60, "cardiomegaly": 60}
SET = {"normal": 6, "cardiomegaly": 6}
NOISE_BYTES = 64 * 2**20  # that other processes may take or give in the meantime
T = TypeVar("T")


def check(device: torch.device, preset: str, images: int) -> dict[str, Any]:
    """Make a set through HTTP, then kill the process of a training; returns what was found.

    Args:
        device: Where the workers compute.
        preset: Of latent diffusion.
        images: Budget of the training that is to end.
    """
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder), device) as running:
        client, records = running
        began = time.monotonic()
        dataset = client.jobs.wait(client.datasets.add_phantoms(COUNTS, size=64, image_size=64).id)
        dataset.raise_unless_succeeded()
        of_ours: dict[str, Any] = {"family": "ldm", "image_size": 64, "preset": preset, "seed": 1}
        trained = client.jobs.wait(
            client.train(dataset.dataset_id, budget={"images": images}, **of_ours).id
        )
        trained.raise_unless_succeeded()
        trained_after = time.monotonic() - began
        made = client.jobs.wait(client.generate(trained.model_id, class_counts=SET, seed=1).id)
        made.raise_unless_succeeded()
        made_after = time.monotonic() - began
        held_before = _held_bytes(device)
        job = client.train(dataset.dataset_id, budget={"images": 10**8}, **of_ours)
        pid = _until(lambda: _process_of(records, job.id))
        _until(lambda: client.jobs.get(job.id).progress is not None)
        time.sleep(2.0)
        held = _held_bytes(device)
        # the job goes on in the next process at once: a cancelled one does not
        client.jobs.cancel(job.id)
        os.kill(pid, signal.SIGKILL)
        killed_at = time.monotonic()
        _until(lambda: not psutil.pid_exists(pid), FREED_WITHIN_SECONDS)
        _until(lambda: client.jobs.get(job.id).state in {"cancelled", "failed"})
        while _held_bytes(device) > held_before + NOISE_BYTES:
            if time.monotonic() - killed_at > FREED_WITHIN_SECONDS:
                break
            time.sleep(0.2)
        left = _held_bytes(device) - held_before
        return {
            "passed": left <= NOISE_BYTES,
            "seconds_to_a_model": trained_after,
            "seconds_to_a_set": made_after,
            "verdict": str(client.sets.get(made.synthetic_set_id).verdict),
            "bytes_of_the_training": held - held_before,
            "bytes_left_after_the_kill": left,
            "device_of_the_model": client.models.get(trained.model_id).card["device"],
        }


def _process_of(records: Records, job_id: str) -> int:
    """Give the process that runs a job; 0 while none does."""
    job = records.jobs.job(job_id)
    if job.state is not JobState.RUNNING or not job.worker:
        return 0
    return int(job.worker.rpartition(":")[2])


def _held_bytes(device: torch.device) -> int:
    """Read how much memory of the device all processes hold; 0 for a CPU."""
    if device.type != "cuda":
        return 0
    free, total = torch.cuda.mem_get_info(device)
    return total - free


def _until(ask: Callable[[], T], seconds: float = 120.0) -> T:
    """Ask until the answer is not empty.

    Raises:
        TimeoutError: It stays so.
    """
    until = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > until:
            raise TimeoutError(f"nothing came of it within {seconds:.0f} seconds")
        time.sleep(0.1)
    return answer


@contextmanager
def _service(folder: Path, device: torch.device) -> Iterator[tuple[Client, Records]]:
    """Run `synthcxr up` for the length of a block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", folder / "up.log"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SYNTHCXR_")}
    environment = {
        **inherited,
        "SYNTHCXR_TRAIN_DEVICE": device.type,
        "XDG_STATE_HOME": str(folder / "state"),
    }
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    command = [sys.executable, "-m", "synthcxr", "up", "--data-dir", str(data_dir)]
    command += ["--port", str(port), "--scope", "private:read"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        _until(lambda: _answers(url) or process.poll() is not None, START_SECONDS)
        if process.poll() is not None:
            raise RuntimeError(f"the service did not start: {log.read_text()[-500:]}")
        engine = open_engine(Settings(data_dir=data_dir).resolved_database_url)
        with Client(url, token=(data_dir / "token").read_text().strip()) as client:
            yield client, sql_records(engine, SystemClock())
        engine.dispose()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=1, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
