"""What every job needs, imported once: a process that is forked from this one starts at once."""

from __future__ import annotations

import os

import torch

# A pool of threads does not survive a fork, and OpenMP waits for its threads for ever: so none
# may be made here. Each process of jobs sets its own number, see `prepare_torch`.
torch.set_num_threads(1)

from workers import runner  # noqa: E402

__all__ = ["FORK_SERVER", "runner"]

FORK_SERVER = os.getpid()  # of the process that imports this, and whose copies the others are
