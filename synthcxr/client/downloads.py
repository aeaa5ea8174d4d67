"""Downloads that resume and are checked."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import httpx

from synthcxr.client.flow import Flow, Sleep, next_chunk, work
from synthcxr.client.wire import Call, Wire, send
from synthcxr.errors import DownloadMismatch, ProblemError, ServiceUnreachable

MAX_FRUITLESS_ATTEMPTS = 5


def download(wire: Wire, path: str, destination: Path) -> Flow[str]:
    """Download an immutable file whose strong ETag is its SHA-256.

    Args:
        wire: The service.
        path: Path of the file below the service's address.
        destination: File to make or replace; it appears only when complete and right. Where a
            folder of this name is there nothing is sent for.

    Returns:
        The file's SHA-256 in hexadecimal.

    Raises:
        DownloadMismatch, ServiceUnreachable, IsADirectoryError: See `whole_part`.
    """
    with closing((yield from whole_part(wire, path, destination))) as part:
        yield from work(part.finish)
    return part.sha256


def whole_part(wire: Wire, path: str, destination: Path) -> Flow[Part]:
    """Download a file as `download` does, and leave it to the caller to put it in its place.

    The bytes gather in a hidden file beside the destination. A connection lost on the way, or an
    earlier run that was stopped or killed at any byte, is taken up with a Range request for what is
    missing. Where the bytes of an earlier run turn out to be others, all are sent for once more.

    Args:
        wire: The service.
        path: Path of the file below the service's address.
        destination: Where the file will be.

    Returns:
        What has come, complete and right; the caller closes it.

    Raises:
        DownloadMismatch: The bytes are not those that the ETag names; nothing is kept.
        ServiceUnreachable: The connection was lost again and again; the part is kept.
        IsADirectoryError: The destination is a folder.
    """
    if destination.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(destination))
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = yield from work(lambda: Part(destination))
    try:
        yield from _complete(wire, path, part)
    except BaseException:  # the flow may be closed at any step
        part.close()
        raise
    return part


def _complete(wire: Wire, path: str, part: Part) -> Flow[None]:
    """Bring a part to its full length, whatever happens to the connection, and check it."""
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


def _fetch(wire: Wire, path: str, part: Part) -> Flow[None]:
    """Bring a part to its full length over one connection."""
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

    A part is one download's, as long as it is not closed: another one beside it has `.NAME.2.part`,
    and so on. The kernel frees the part of a process that dies, for a later call to take up.

    A process may be killed between any two writes. The ETag is written only while the part is
    empty, so it always names the file that the bytes are of; a torn one fits no file.

    Args:
        destination: Where the file will be.

    Attributes:
        file: Where the bytes are.
        num_bytes: How many have come.
        etag: Of the file, as the service named it; empty where none is known.
    """

    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self.file, self._lock = _free_part(destination)
        self._etag_file = self.file.with_suffix(".etag")
        if self._etag_file.is_symlink():  # what is written here would be written elsewhere
            self._etag_file.unlink()
        self.etag = self._etag_file.read_text() if self._etag_file.exists() else ""
        with self.file.open("rb") as file:
            self._digest = hashlib.file_digest(file, "sha256")
            self.num_bytes = file.tell()

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
        os.truncate(self.file, 0)
        self._etag_file.write_text(etag)
        self._digest = hashlib.sha256()
        self.num_bytes, self.etag = 0, etag

    @contextmanager
    def writing(self) -> Iterator[BinaryIO]:
        """Open the part to be added to."""
        with self.file.open("ab") as file:
            yield file

    def add(self, file: BinaryIO, chunk: bytes) -> None:
        """Add the next bytes."""
        file.write(chunk)
        self._digest.update(chunk)
        self.num_bytes += len(chunk)

    def discard(self) -> None:
        """Remove what has come."""
        os.truncate(self.file, 0)
        self._etag_file.unlink(missing_ok=True)
        self._digest = hashlib.sha256()
        self.num_bytes, self.etag = 0, ""

    def finish(self) -> None:
        """Put the file in its place, whole and on the disk."""
        os.fsync(self._lock)
        self._etag_file.unlink()
        self.file.replace(self._destination)

    def close(self) -> None:
        """Leave what has come to a later call; where that is nothing, leave no file."""
        if self.num_bytes == 0 and _is_at(self._lock, self.file):
            self.file.unlink()
        os.close(self._lock)


def _free_part(destination: Path) -> tuple[Path, int]:
    """Find a part that no other download is writing, or make it, and hold it.

    Returns:
        The file, and the descriptor that holds it until it is closed.
    """
    for number in itertools.count(1):
        which = "" if number == 1 else f".{number}"
        place = destination.with_name(f".{destination.name}{which}.part")
        while (held := _hold(place)) is not None:
            if _is_at(held, place):
                return place, held
            os.close(held)  # another download finished it, or gave it up, at this moment
    raise AssertionError("there is a number for every download")


def _hold(place: Path) -> int | None:
    """Open a file for one process alone; None where another one has it."""
    if place.is_symlink():  # what is written here would be written elsewhere
        place.unlink(missing_ok=True)
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:  # a file system without locks, where one download at a time is right
        pass
    return descriptor


def _is_at(descriptor: int, place: Path) -> bool:
    """Say whether an open file is the one of this name."""
    try:
        found = place.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


def _range_start(response: httpx.Response) -> int | None:
    """Return the first byte's position, from `Content-Range: bytes 100-199/200`."""
    unit_and_range = response.headers.get("content-range", "").removeprefix("bytes ")
    first = unit_and_range.partition("-")[0]
    return int(first) if first.isdigit() else None
