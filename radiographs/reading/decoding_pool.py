"""Decodes files in processes of their own, which are limited, and replaced when one ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

import radiographs
from radiographs.duplicates.descriptor import SIDE
from radiographs.errors import UnreadableImage
from radiographs.prepared_image import PreparedPixels, StoredForm
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.limits import OUT_OF_MEMORY, TOO_SLOW, ReadingLimits
from radiographs.reading.messages import Head, receive, send
from radiographs.store.pixels import Pixels, dtype_of

_MODULE = "radiographs.reading.decoding_process"
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LANG")  # no secrets among them


class Stopped(Exception):
    """The pool was closed while an image was being read."""


class DecodingPool:
    """Processes that decode, as many as threads ask at once; safe to use from several threads.

    Args:
        limits: What one image may cost.
    """

    def __init__(self, limits: ReadingLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._all: set[_Decoder] = set()
        self._idle: list[_Decoder] = []
        self._closed = False

    def header(self, data: bytes) -> ImageHeader:
        """Read an image's header from its first bytes.

        Raises:
            UnreadableImage: With the reason.
            Stopped: The pool was closed.
        """
        head, _ = self._ask({"wanted": "header"}, data)
        return ImageHeader(int(head["width"]), int(head["height"]), int(head["bit_depth"]))

    def pixels(self, data: bytes, form: StoredForm) -> PreparedPixels:
        """Decode an image to a store's form; raises as `header` does."""
        asked: Head = {"wanted": "pixels", "size": form.size, "depth": form.depth, "fit": form.fit}
        head, found = self._ask(asked, data)
        split = len(found) - SIDE * SIDE
        stored: Pixels = np.frombuffer(found[:split], dtype_of(form.depth))
        descriptor = np.frombuffer(found[split:], np.uint8)
        return PreparedPixels(
            stored.reshape(form.size, form.size),
            descriptor.reshape(SIDE, SIDE),
            bool(head["upsampled"]),
        )

    def close(self) -> None:
        """End all processes at once, whatever they do."""
        with self._lock:
            self._closed = True
            ended, self._all, self._idle = self._all, set(), []
        for decoder in ended:
            decoder.end()

    def _ask(self, asked: Head, data: bytes) -> tuple[Head, bytes]:
        decoder = self._take()
        try:
            head, found = decoder.ask(asked, data)
        except (OSError, EOFError) as error:
            raise self._lost(decoder) from error
        with self._lock:
            self._idle.append(decoder)
        if "code" in head:
            raise UnreadableImage(head["code"], str(head["reason"]))  # type: ignore[arg-type]
        return head, found

    def _take(self) -> _Decoder:
        with self._lock:
            if self._closed:
                raise Stopped
            if self._idle:
                return self._idle.pop()
        decoder = _Decoder(self._limits)
        with self._lock:
            if not self._closed:
                self._all.add(decoder)
                return decoder
        decoder.end()
        raise Stopped

    def _lost(self, decoder: _Decoder) -> Exception:
        """Say why a process ended while it decoded a file."""
        with self._lock:
            self._all.discard(decoder)
            if self._closed:
                return Stopped()
        code = decoder.end()
        if code == -signal.SIGPROF:
            return UnreadableImage("too_costly", TOO_SLOW)
        if code == -signal.SIGKILL:  # the machine has no memory left
            return UnreadableImage("too_costly", OUT_OF_MEMORY)
        return UnreadableImage("corrupt", "Its decoder fails on it; copy or save it again.")


class _Decoder:
    """One process, and the line to it."""

    def __init__(self, limits: ReadingLimits) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", _MODULE),
                    *map(str, (limits.memory_bytes, limits.cpu_seconds)),
                    str(limits.cpu_nanoseconds_per_pixel),
                ],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,  # what a library says of a file may quote it
                env=_environment(),
            )
        with ours:
            self._line = cast("BinaryIO", ours.makefile("rwb"))
        try:
            receive(self._line)
        except EOFError as error:
            raise OSError(f"{_MODULE} did not start: exit {self.end()}") from error

    def ask(self, asked: Head, data: bytes) -> tuple[Head, bytes]:
        """Send a file and wait for the answer; raises OSError or EOFError where it ended."""
        send(self._line, asked, data)
        return receive(self._line)

    def end(self) -> int:
        """End the process and return how it ended; one that has ended already keeps its code."""
        self._process.kill()
        return self._process.wait()


def _environment() -> dict[str, str]:
    own = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    root = str(Path(radiographs.__file__).parents[1])
    return own | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
