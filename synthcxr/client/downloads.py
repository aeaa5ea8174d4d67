"""Downloads that resume and are checked."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import httpx

from synthcxr.client.flow import Flow, Sleep, next_chunk, work
from synthcxr.client.wire import Call, Wire, send
from synthcxr.errors import DownloadMismatch, ProblemError, ServiceUnreachable

MAX_FRUITLESS_ATTEMPTS = 5


def download(wire: Wire, path: str, destination: Path) -> Flow[str]:
    """Download an immutable file whose strong ETag is its SHA-256.

    The bytes gather in a hidden file beside the destination. A connection lost on the way, or an
    earlier run that was stopped or killed at any byte, is taken up with a Range request for what is
    missing. Where the bytes of an earlier run turn out to be others, all are sent for once more.

    Args:
        wire: The service.
        path: Path of the file below the service's address.
        destination: File to make or replace; it appears only when complete and right. Where a
            folder of this name is there nothing is sent for.

    Returns:
        The file's SHA-256 in hexadecimal.

    Raises:
        DownloadMismatch: The bytes are not those that the ETag names; nothing is kept.
        ServiceUnreachable: The connection was lost again and again; the part is kept.
        IsADirectoryError: The destination is a folder.
    """
    if destination.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(destination))
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = yield from work(lambda: Part(destination))
    began_empty = part.num_bytes == 0
    fruitless = 0
    while True:
        size_before = part.num_bytes
        try:
            yield from _fetch(wire, path, part)
        except ServiceUnreachable:
            fruitless = 0 if part.num_bytes > size_before else fruitless + 1
            if fruitless == MAX_FRUITLESS_ATTEMPTS:
                raise
            yield Sleep(0.1 * 2.0**fruitless)
            continue
        if part.is_right:
            break
        actual, promised = part.sha256, part.promised
        part.discard()
        if began_empty:
            raise DownloadMismatch(
                f"The download of {path} has SHA-256 {actual}, but the service promised "
                f"{promised}. Nothing was kept; try again."
            )
        began_empty = True
    yield from work(part.finish)
    return part.sha256


def _fetch(wire: Wire, path: str, part: Part) -> Flow[None]:
    """Bring a part to its full length."""
    headers = {"Accept-Encoding": "identity"}
    if part.num_bytes and part.etag:
        headers |= {"Range": f"bytes={part.num_bytes}-", "If-Range": part.etag}
    try:
        response = yield from send(wire, Call("GET", path, headers=headers), whole=False)
    except ProblemError as error:
        if error.status != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE or not part.num_bytes:
            raise
        # Every byte is there already: an earlier run stopped just before the check.
        return
    etag = response.headers.get("etag", "")
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        if etag != part.etag or _range_start(response) != part.num_bytes:
            part.discard()
            raise ServiceUnreachable(wire.base_url, "the file changed on the way")
    else:
        part.begin(etag)
    try:
        with part.writing() as file:
            while (chunk := (yield from next_chunk())) is not None:
                part.add(file, chunk)
    except httpx.TransportError as error:
        raise wire.unreachable(error) from error


class Part:
    """What has come of a file so far, beside its destination: `.NAME.part`, its ETag `.NAME.etag`.

    A process may be killed between any two writes. The ETag is written only while the part is
    empty, so it always names the file that the bytes are of; a torn one fits no file.

    Args:
        destination: Where the file will be.

    Attributes:
        num_bytes: How many have come.
        etag: Of the file, as the service named it; empty where none is known.
    """

    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self._part = destination.with_name(f".{destination.name}.part")
        self._etag_file = destination.with_name(f".{destination.name}.etag")
        for place in (self._part, self._etag_file):
            if place.is_symlink():  # what is written here would be written elsewhere
                place.unlink()
        self._digest = hashlib.sha256()
        self.num_bytes = 0
        self.etag = self._etag_file.read_text() if self._etag_file.exists() else ""
        if self._part.exists():
            with self._part.open("rb") as file:
                self._digest = hashlib.file_digest(file, "sha256")
            self.num_bytes = self._part.stat().st_size

    @property
    def sha256(self) -> str:
        """Of the bytes that have come, in hexadecimal."""
        return self._digest.hexdigest()

    @property
    def promised(self) -> str:
        """The SHA-256 that the ETag names."""
        return self.etag.removeprefix("W/").strip('"')

    @property
    def is_right(self) -> bool:
        """Whether the bytes are those that the ETag names."""
        return self.sha256 == self.promised

    def begin(self, etag: str) -> None:
        """Start over, with a file of this ETag."""
        self._part.open("wb").close()
        self._etag_file.write_text(etag)
        self._digest = hashlib.sha256()
        self.num_bytes, self.etag = 0, etag

    @contextmanager
    def writing(self) -> Iterator[BinaryIO]:
        """Open the part to be added to."""
        with self._part.open("ab") as file:
            yield file

    def add(self, file: BinaryIO, chunk: bytes) -> None:
        """Add the next bytes."""
        file.write(chunk)
        self._digest.update(chunk)
        self.num_bytes += len(chunk)

    def discard(self) -> None:
        """Remove what has come."""
        self._part.unlink(missing_ok=True)
        self._etag_file.unlink(missing_ok=True)
        self._digest = hashlib.sha256()
        self.num_bytes, self.etag = 0, ""

    def finish(self) -> None:
        """Put the file in its place, whole and on the disk."""
        with self._part.open("rb+") as file:
            os.fsync(file.fileno())
        self._part.replace(self._destination)
        self._etag_file.unlink()


def _range_start(response: httpx.Response) -> int | None:
    """Return the first byte's position, from `Content-Range: bytes 100-199/200`."""
    unit_and_range = response.headers.get("content-range", "").removeprefix("bytes ")
    first = unit_and_range.partition("-")[0]
    return int(first) if first.isdigit() else None
