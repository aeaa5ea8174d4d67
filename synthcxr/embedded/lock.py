"""One embedded service per data directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from synthcxr.errors import CannotStart


class DataDirLock:
    """Hold a data directory until the process ends.

    The kernel drops the lock with the process, so a crash leaves nothing to clean up.

    Args:
        data_dir: The data directory; it exists.
        url: Shown to others as who holds it.

    Raises:
        CannotStart: Another process holds it.
    """

    def __init__(self, data_dir: Path, url: str) -> None:
        self._file = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._file, 200).decode(errors="replace").strip()
            os.close(self._file)
            raise CannotStart(
                f"{data_dir} is in use by another `synthcxr up` ({holder}). "
                "Use that one, stop it, or choose another --data-dir."
            ) from error
        os.truncate(self._file, 0)
        os.pwrite(self._file, f"pid {os.getpid()}, {url}\n".encode(), 0)

    def release(self) -> None:
        """Let go of the data directory."""
        os.close(self._file)
