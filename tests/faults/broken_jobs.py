"""A worker whose trainings end as the seed says: `python -m tests.faults.broken_jobs worker ...`.

Everything but the training itself is the service's own code, in the processes it really runs in.
"""

import ctypes
import os
import resource
import sys
from pathlib import Path
from typing import Any

from workers import __main__ as program
from workers import job_process

SEGMENTATION_FAULT, EXIT, OUT_OF_MEMORY, KILLED_ONCE = range(101, 105)


def break_down(attempt: Any, request: Any) -> Any:
    """Do what the seed of a training names, in place of the training or before it."""
    if request.seed == SEGMENTATION_FAULT:
        ctypes.string_at(0)
    if request.seed == EXIT:
        sys.exit(3)
    if request.seed == OUT_OF_MEMORY:
        import torch

        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, used + 2**28))
        torch.ones(2**30)
    if request.seed == KILLED_ONCE and attempt.job.attempt == 1:
        os.abort()
    return TRAIN(attempt, request)


if __name__ == "__main__":
    modules_of = job_process._modules_of
    job_process._modules_of = lambda queues: [*modules_of(queues), __spec__.name]
    program.main()
elif "workers.train.job" in sys.modules:  # in the server that processes of jobs are forked from
    from workers.train import job

    TRAIN = job.train
    job.train = break_down
