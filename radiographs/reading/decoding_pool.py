"""Decodes files in processes of their own, which are limited, and replaced when one ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

import radiographs
from radiographs.duplicates.descriptor import SIDE
from radiographs.errors import UnreadableImage
from radiographs.prepared_image import PreparedPixels, StoredForm
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.limits import OUT_OF_MEMORY, TOO_SLOW, ReadingLimits
from radiographs.reading.messages import Head, Line, OpenFile
from radiographs.store.pixels import Pixels, dtype_of

_MODULE = "radiographs.reading.decoding_process"
Answer = tuple[Head | UnreadableImage, list[bytes]]
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LANG")  # no secrets among them


class PoolClosed(Exception):
    """The pool was closed while an image was being read."""


class ProcessEnded(Exception):
    """A process ended while it decoded; `answers` are those it had given."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__()
        self.answers = answers


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

    def headers(self, files: Sequence[bytes | OpenFile]) -> list[ImageHeader | UnreadableImage]:
        """Read headers of images from their first bytes.

        Returns:
            One for each file, in their order; the reason where it cannot be read.

        Raises:
            PoolClosed: The pool was closed.
        """
        answers = self._ask({"wanted": "headers"}, files)
        return [
            head if isinstance(head, UnreadableImage) else ImageHeader.of_json(head)
            for head, _ in answers
        ]

    def pixels(
        self, files: Sequence[bytes | OpenFile], form: StoredForm
    ) -> list[PreparedPixels | UnreadableImage]:
        """Decode images to a store's form; returns and raises as `headers` does."""
        asked: Head = {"wanted": "pixels", **asdict(form)}
        answers = self._ask(asked, files)
        return [
            head if isinstance(head, UnreadableImage) else _prepared(form, head, *parts)
            for head, parts in answers
        ]

    def close(self) -> None:
        """End all processes at once, whatever they do."""
        with self._lock:
            self._closed = True
            ended, idle, self._all, self._idle = self._all, self._idle, set(), []
        for decoder in ended:
            decoder.end()
        for decoder in idle:  # others close the line to theirs themselves, once they are answered
            decoder.close()

    def _ask(self, asked: Head, files: Sequence[bytes | OpenFile]) -> list[Answer]:
        """Ask for files at once: where one ends its process, another goes on behind it."""
        answers: list[Answer] = []
        while len(answers) < len(files):
            decoder = self._take()
            try:
                answers += decoder.ask(asked, files[len(answers) :])
            except ProcessEnded as ended:
                answers += [*ended.answers, (self._lost(decoder), [])]
            else:
                self._give_back(decoder)
        return answers

    def _take(self) -> _Decoder:
        with self._lock:
            if self._closed:
                raise PoolClosed
            if self._idle:
                return self._idle.pop()
        decoder = _Decoder(self._limits)
        with self._lock:
            if not self._closed:
                self._all.add(decoder)
                return decoder
        decoder.end()
        decoder.close()
        raise PoolClosed

    def _give_back(self, decoder: _Decoder) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(decoder)
                return
        decoder.close()

    def _lost(self, decoder: _Decoder) -> UnreadableImage:
        """Say why a process ended while it decoded a file."""
        code = decoder.end()
        decoder.close()
        with self._lock:
            self._all.discard(decoder)
            if self._closed:
                raise PoolClosed
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
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # what a library says of a file may quote it
                env=_environment(),
            )
        self._line = Line(ours)
        try:
            self._line.receive()
        except (EOFError, OSError) as error:
            self.close()
            raise OSError(f"{_MODULE} did not start: exit {self.end()}") from error

    def ask(self, asked: Head, files: Sequence[bytes | OpenFile]) -> list[Answer]:
        """Send files and wait for all answers.

        Raises:
            ProcessEnded: It ended before the last answer.
        """
        answers: list[Answer] = []
        try:
            self._line.send(asked, files)
            while len(answers) < len(files):
                answers.append(_answer(*self._line.receive()))
        except (OSError, EOFError) as error:
            raise ProcessEnded(answers) from error
        return answers

    def end(self) -> int:
        """End the process and return how it ended; one that has ended already keeps its code."""
        self._process.kill()
        return self._process.wait()

    def close(self) -> None:
        """Close the line to it."""
        self._line.close()


def _answer(head: Head, parts: list[bytes]) -> Answer:
    if "code" in head:
        return UnreadableImage(head["code"], head["reason"]), []
    return head, parts


def _prepared(form: StoredForm, head: Head, stored: bytes, descriptor: bytes) -> PreparedPixels:
    pixels: Pixels = np.frombuffer(stored, dtype_of(form.depth))
    return PreparedPixels(
        pixels.reshape(form.size, form.size),
        np.frombuffer(descriptor, np.uint8).reshape(SIDE, SIDE),
        bool(head["upsampled"]),
        int(head["num_places"]),
        int(head["top"]),
    )


def _environment() -> dict[str, str]:
    own = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    root = str(Path(radiographs.__file__).parents[1])
    return own | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
