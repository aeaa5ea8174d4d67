"""Threads that wait leave the core to others, unless the operator says otherwise."""

import os
import subprocess
import sys

import pytest
import torch

from workers.runtime.device import num_cores, threads_on
from workers.runtime.waiting import PASSIVE, wait_passively

WORKER = """
import sys
from unittest.mock import patch
from workers import __main__ as main, job_process
with patch("workers.runtime.context.WorkerContext.of"), patch(
    "workers.__main__.refuse_unknown_schema"
), patch("workers.worker.Worker.run"), patch("workers.worker.Worker.__init__", return_value=None):
    main._work(main.Settings(), "gpu.train", "w")
import os
print("torch" in sys.modules, os.environ["OMP_WAIT_POLICY"])
"""


def test_threads_that_wait_sleep():
    environment = {"PATH": "/bin"}
    wait_passively(environment)
    assert environment == {"PATH": "/bin", **PASSIVE}


@pytest.mark.parametrize("name", PASSIVE)
def test_what_the_operator_has_set_stays(name):
    environment = {name: "1"}
    wait_passively(environment)
    assert environment == {name: "1"}


def test_a_worker_says_so_before_torch_is_loaded(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k not in PASSIVE}
    environment |= {"SYNTHCXR_DATA_DIR": str(tmp_path), "SYNTHCXR_BROKER_URL": "memory://"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WORKER],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert done.stdout.split() == ["False", "PASSIVE"]


def test_threads_are_measured_on_a_cpu_where_no_number_is_fixed():
    assert threads_on(torch.device("cpu"), None).chosen == num_cores()
    assert threads_on(torch.device("cpu"), 3).chosen is None
    assert threads_on(torch.device("cuda"), None).chosen is None
