"""Ties a process to the one that started it; the standard library alone."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# loaded before any fork: between fork and exec a process should load nothing
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; Linux only, elsewhere a no-op.

    Args:
        parent: Process id of the parent, taken before this process was started: one that has died
            since is another's child by now, and is killed at once.

    Raises:
        OSError: The kernel refuses.
    """
    if _LIBC is None:
        return
    if _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGKILL)
