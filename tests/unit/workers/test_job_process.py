"""The process of jobs as it really is: forked from what is imported, and gone with its parent."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from pathlib import Path

import pytest

from workers.job_process import JobProcess
from workers.runtime.sign_of_life import SignOfLife

IMPORT_SECONDS = 120  # of all that jobs need, on a machine that does much else

WITHOUT_CUDA = """
import torch

def touched(*_, **__):
    raise AssertionError("CUDA is used before the fork")

torch.cuda.is_available = torch.cuda.device_count = torch.cuda.init = touched
torch._C._cuda_init = touched
"""

PRELOADED = """
from workers import preloaded
import workers.generate.job, workers.ingest.job, workers.push.job
import workers.score.job, workers.train.job
"""

FORK_AND_COMPUTE = """
import os
import numpy as np
import torch

child = os.fork()
if child == 0:
    torch.set_num_threads(2)
    a = torch.randn(700, 700)
    (a @ a).sum().item()
    x = np.ones((300, 300))
    (x @ x).sum()
    from scipy.linalg import eigh
    eigh(x)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

WORKER = """
import sys, time
from workers.job_process import JobProcess
process = JobProcess("w", ["gpu.train"], 1)
print(process.name.rpartition(":")[2], flush=True)
while process.device is None:
    time.sleep(0.05)
print(process.device, flush=True)
time.sleep(600)
"""


HANGING_SERVER = """
import os, signal
from multiprocessing import forkserver
from workers import job_process
process = job_process.JobProcess("w", ["gpu.train"], 1)
print(process.name)
process.kill()
os.kill(vars(forkserver._forkserver)["_forkserver_pid"], signal.SIGSTOP)
job_process.START_SECONDS = 0.5
try:
    job_process.JobProcess("w", ["gpu.train"], 1)
except OSError as error:
    print(type(error).__name__)
job_process.end_fork_server()
job_process.START_SECONDS = 120
process = job_process.JobProcess("w", ["gpu.train"], 1)
print(process.name)
process.kill()
"""


def test_what_is_imported_before_the_fork_makes_no_threads_that_a_fork_would_lose():
    """A process that computes after the fork would wait for them for ever."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELOADED + FORK_AND_COMPUTE],
        capture_output=True,
        text=True,
        timeout=2 * IMPORT_SECONDS,
        env=environment,
        check=True,
    )
    assert done.stdout.split() == ["0"]


def test_nothing_that_is_imported_before_the_fork_touches_cuda():
    subprocess.run(
        [sys.executable, "-c", WITHOUT_CUDA + PRELOADED],
        timeout=IMPORT_SECONDS,
        check=True,
    )


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux's kernel")
@pytest.mark.parametrize("victim", ["the worker", "the fork server"])
def test_a_process_of_jobs_does_not_outlive_what_it_came_from(tmp_path, victim):
    environment = {**os.environ, "SYNTHCXR_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", WORKER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as worker:
        pid = int(worker.stdout.readline())
        assert worker.stdout.readline() in {"cpu\n", "cuda\n"}
        server = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        assert server != worker.pid
        os.kill(worker.pid if victim == "the worker" else server, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while is_alive(pid):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        worker.kill()


def test_a_sign_of_life_measures_steps_of_jobs_alone(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(
        "workers.runtime.sign_of_life.time", type("T", (), {"monotonic": lambda: now[0]})
    )
    sign = SignOfLife()
    now[0] += 500
    sign.step()
    sign.begin_job()
    for seconds in (2.0, 7.0, 1.0):
        now[0] += seconds
        sign.step()
    assert (sign.is_busy, sign.slowest_step_seconds) == (True, 7.0)
    now[0] += 3
    assert sign.silent_seconds == 3.0
    sign.begin_job()
    assert sign.slowest_step_seconds == 0.0
    sign.end_job()
    assert not sign.is_busy


def test_a_server_that_hangs_is_not_waited_for_for_ever_and_can_be_replaced(tmp_path):
    environment = {**os.environ, "SYNTHCXR_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", HANGING_SERVER],
        capture_output=True,
        text=True,
        timeout=3 * IMPORT_SECONDS,
        env=environment,
        check=True,
    )
    first, hung, second = done.stdout.split()
    assert hung == "TimeoutError"
    assert first.rpartition(":")[0] != second.rpartition(":")[0]  # whatever their process ids


def test_a_process_that_does_not_read_is_not_waited_for():
    process = JobProcess.__new__(JobProcess)
    process._line, _unread = Pipe()
    for _ in range(10_000):
        process.notify()
