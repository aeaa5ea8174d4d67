"""Writes what it reads to a log file of bounded size: `log_writer.py FILE MAX_BYTES NUM_OLDER`.

One runs for each program of the embedded service, at the other end of the program's output. It is
a process of its own, so that no line is lost while the supervisor is busy or after it was killed:
it ends when the last process that can write to it has ended. It needs the standard library alone,
which keeps it small.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

_CHUNK_BYTES = 2**16
_PRIVATE = 0o600


class RotatingLog:
    """A file that is set aside as `FILE.1` before it outgrows its limit; `FILE.N` is the oldest.

    Lines stay whole, except those longer than the limit. A disk that is full loses lines: the
    program that wrote them goes on.

    Args:
        path: The file.
        max_bytes: Largest size of one file.
        num_older: How many older ones are kept.
    """

    def __init__(self, path: Path, max_bytes: int, num_older: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._num_older = num_older
        self._file = -1
        self._num_bytes = 0
        self._open()

    def write(self, chunk: bytes) -> None:
        """Append bytes that end where a line ends."""
        while chunk:
            room = self._max_bytes - self._num_bytes
            if len(chunk) <= room:
                self._append(chunk)
                return
            fitting = chunk[: chunk.rfind(b"\n", 0, max(room, 0)) + 1]
            if not fitting and self._num_bytes == 0:
                fitting = chunk[: self._max_bytes]  # one line that fits in no file
            self._append(fitting)
            chunk = chunk[len(fitting) :]
            self._rotate()

    def _append(self, part: bytes) -> None:
        while part:
            try:
                written = os.write(self._file, part)
            except OSError:
                return
            self._num_bytes += written
            part = part[written:]

    def _rotate(self) -> None:
        os.close(self._file)
        for number in range(self._num_older, 0, -1):
            younger = self._numbered(number - 1)
            if younger.exists():
                younger.replace(self._numbered(number))
        if self._num_older == 0:
            self._path.unlink(missing_ok=True)
        self._open()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _PRIVATE)
        self._num_bytes = os.fstat(self._file).st_size

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path


def copy_lines(read: Callable[[], bytes], log: RotatingLog) -> None:
    """Write what is read until its end, and each line as soon as it is complete."""
    rest = b""
    while chunk := read():
        lines, newline, rest = (rest + chunk).rpartition(b"\n")
        log.write(lines + newline)
        if len(rest) > _CHUNK_BYTES:
            log.write(rest)
            rest = b""
    log.write(rest)


def main() -> None:
    """Copy standard input to the log that the command line names."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the end of the input is the end
    path, max_bytes, num_older = sys.argv[1:]
    log = RotatingLog(Path(path), int(max_bytes), int(num_older))
    copy_lines(lambda: os.read(0, _CHUNK_BYTES), log)


if __name__ == "__main__":
    main()
