"""What the machine must offer: Python, torch, a private data directory, disk space, true time."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from service.operations.checks.finding import Finding, Status
from service.settings import Settings

_LEAST_PYTHON = (3, 11)
_LEAST_FREE_BYTES, _FEW_FREE_BYTES = 2**30, 10 * 2**30
_SLOW_CLOCK_SECONDS, _WRONG_CLOCK_SECONDS = 2.0, 10.0
_TORCH = (
    "import torch; print(torch.__version__, "
    "torch.cuda.get_device_name() if torch.cuda.is_available() else 'cpu', sep='|')"
)


def check_python(_: Settings) -> Iterator[Finding]:
    """Check the version of Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    old = sys.version_info < _LEAST_PYTHON
    fix = "Install Python 3.11 or newer." if old else ""
    yield Finding("python", "failed" if old else "ok", version, fix)


def check_torch(_: Settings) -> Iterator[Finding]:
    """Import torch in a process of its own: a broken driver may end it."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _TORCH], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        version, device = done.stdout.strip().split("|")
        yield Finding("torch", "ok", f"{version} on {device}")
    elif "No module named 'torch'" in done.stderr:
        fix = "Where workers run: `make install` in a checkout, or the image `worker`."
        yield Finding("torch", "warning", "not installed here", fix)
    else:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        yield Finding("torch", "failed", f"cannot be imported: {why}", "Install it anew.")


def check_data_dir(settings: Settings) -> Iterator[Finding]:
    """Check that the data directory is this user's, and nobody else's."""
    path = settings.data_dir.resolve()
    if not path.exists():
        yield Finding("data directory", "ok", f"{path} will be made")
        return
    status = path.stat()
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        fix = "Run it as the service's user, or change the owner."
        yield Finding("data directory", "failed", f"{path} cannot be written by this user", fix)
    elif status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        fix = f"chmod 700 {path}"
        yield Finding("data directory", "failed", f"other users can read {path}", fix)
    else:
        yield Finding("data directory", "ok", str(path))


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Check the free space."""
    path = next(each for each in (settings.data_dir.resolve(), Path("/")) if each.exists())
    free = shutil.disk_usage(path).free
    found = f"{free / 2**30:.1f} GiB free at {path}"
    fix = "Free some space, or move the data directory to a larger disk."
    if free >= _FEW_FREE_BYTES:
        yield Finding("disk", "ok", found)
    else:
        yield Finding("disk", "failed" if free < _LEAST_FREE_BYTES else "warning", found, fix)


def compare_clock(check: str, other: datetime) -> Finding:
    """Compare another clock, read a moment ago, with ours."""
    skew = abs((datetime.now(UTC) - other).total_seconds())
    if skew < _SLOW_CLOCK_SECONDS:
        return Finding(check, "ok", f"{skew:.1f} s apart")
    status: Status = "failed" if skew >= _WRONG_CLOCK_SECONDS else "warning"
    return Finding(check, status, f"{skew:.1f} s apart", "Let both keep time by NTP (chrony).")
