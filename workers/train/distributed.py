"""The processes of a training on several devices.

The job's own process is rank 0 and leads. It starts the others as `python -m
workers.train.distributed`, with the environment of torchrun and the training's spec on standard
input. They die with it; when one of them is lost, the attempt ends instead of waiting for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from models.training.distributed import ProcessGroup, SingleProcess, join_process_group
from release.cancellation import check_cancelled
from service.domain.errors import DeviceLost, DevicesUnavailable
from service.settings import Settings
from synthcxr.parent_death import die_with_parent
from workers.runtime.device import choose_device, prepare_gpus, prepare_torch
from workers.train.spec import TrainingSpec

MAX_CPU_PROCESSES = 4
TIMEOUT = timedelta(minutes=5)  # of one exchange; the leader draws samples between two
HOST = "127.0.0.1"
LOST_SECONDS = 2.0  # until the end of a process shows after its connections did
LEADER = "SYNTHCXR_TRAINING_LEADER"  # environment variable: its process id


def rank_device(rank: int, num_devices: int) -> torch.device:
    """Give each rank a device of its own.

    Raises:
        DevicesUnavailable: There are fewer.
    """
    device = choose_device()
    on_gpu = device.type == "cuda"
    available = torch.cuda.device_count() if on_gpu else MAX_CPU_PROCESSES
    if num_devices > available:
        raise DevicesUnavailable(
            f"The training asks for {num_devices} devices; this worker has "
            f"{available} {'GPUs' if on_gpu else 'processes at most on its CPU'}. "
            "Ask for fewer num_devices, or run a worker on a machine with more."
        )
    return torch.device("cuda", rank) if on_gpu and num_devices > 1 else device


@contextmanager
def leading_process_group(
    spec: TrainingSpec, device: torch.device, num_parts: int = 1
) -> Iterator[ProcessGroup]:
    """Gather the processes that a training asks for; none but this outlives the block.

    Args:
        spec: What to train.
        device: Of this process.
        num_parts: In how many parts a process that is alone goes through each batch.

    Raises:
        DeviceLost: Another process ended before the training did.
    """
    num_ranks = spec.request.num_devices
    if num_ranks == 1:
        yield SingleProcess(num_parts)
        return
    if sys.platform.startswith("linux"):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    store = TCPStore(HOST, 0, num_ranks, True, TIMEOUT, wait_for_workers=False)
    num_threads = torch.get_num_threads()
    torch.set_num_threads(max(1, num_threads // num_ranks))
    others = [_start(rank, store.port, spec) for rank in range(1, num_ranks)]
    try:
        _await(store, others)
        with join_process_group(store, 0, num_ranks, device) as process_group:
            yield process_group
    except RuntimeError as error:
        ended = _ended(others)
        if ended:
            raise _lost(ended) from error
        raise
    finally:
        for other in others:
            other.kill()
            other.wait()
        torch.set_num_threads(num_threads)


def _start(rank: int, port: int, spec: TrainingSpec) -> subprocess.Popen[str]:
    """Start another process, with the environment that torchrun would give it."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "workers.train.distributed"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ
        | {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(spec.request.num_devices),
            "MASTER_ADDR": HOST,
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": str(torch.get_num_threads()),
            LEADER: str(os.getpid()),
        },
    )
    assert process.stdin is not None
    with process.stdin as spec_of_other:
        spec_of_other.write(spec.to_json())
    return process


def _await(store: TCPStore, others: Sequence[subprocess.Popen[str]]) -> None:
    """Wait until every process is ready to meet."""
    ready = [_ready_key(rank) for rank in range(1, len(others) + 1)]
    while not store.check(ready):
        check_cancelled()
        ended = [other for other in others if other.poll() is not None]
        if ended:
            raise _lost(ended)
        time.sleep(0.1)


def _ready_key(rank: int) -> str:
    """Name what a rank writes into the store when it is ready."""
    return f"ready/{rank}"


def _ended(others: Sequence[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    """Find the processes that ended, or are about to."""
    until = time.monotonic() + LOST_SECONDS
    while time.monotonic() < until:
        ended = [other for other in others if other.poll() is not None]
        if ended:
            return ended
        time.sleep(0.05)
    return []


def _lost(ended: Sequence[subprocess.Popen[str]]) -> DeviceLost:
    codes = ", ".join(str(process.returncode) for process in ended)
    return DeviceLost(
        f"{len(ended)} of the training's processes ended early (exit status {codes}); the worker's "
        "log says why. Retry the job: it goes on from its newest checkpoint."
    )


def follow() -> None:
    """Train along with the leader, to the end or until it is gone."""
    die_with_parent(int(os.environ[LEADER]))
    rank, num_ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    prepare_torch(int(os.environ["OMP_NUM_THREADS"]))
    settings = Settings()
    prepare_gpus(settings.worker_queues, settings.gpu_memory_share)
    spec = TrainingSpec.of_json(sys.stdin.read())
    device = rank_device(rank, num_ranks)
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = TCPStore(host, port, num_ranks, is_master=False, timeout=TIMEOUT)
    store.set(_ready_key(rank), "")
    with join_process_group(store, rank, num_ranks, device) as process_group:
        for _ in spec.training(device, process_group).run():
            pass


if __name__ == "__main__":
    follow()
