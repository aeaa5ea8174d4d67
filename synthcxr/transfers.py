"""Downloads that resume and are checked."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import httpx

from synthcxr.connection import Connection
from synthcxr.errors import DownloadMismatch, ProblemError, ServiceUnreachable

MAX_FRUITLESS_ATTEMPTS = 5


def download(
    connection: Connection,
    path: str,
    destination: Path,
) -> str:
    """Download an immutable file whose strong ETag is its SHA-256.

    The bytes gather in a hidden file beside the destination. A connection lost on the way, or an
    earlier run that was stopped, is taken up with a Range request for what is missing.

    Args:
        connection: Where to ask.
        path: Path of the file below the base URL.
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
    part = destination.with_name(f".{destination.name}.part")
    etag_file = destination.with_name(f".{destination.name}.etag")
    fruitless = 0
    while True:
        size_before = _size(part)
        try:
            etag = _fetch(connection, path, part, etag_file)
            break
        except ServiceUnreachable:
            fruitless = 0 if _size(part) > size_before else fruitless + 1
            if fruitless == MAX_FRUITLESS_ATTEMPTS:
                raise
            connection.sleep(0.1 * 2.0**fruitless)
    expected = etag.strip('"')
    actual = _sha256(part)
    if actual != expected:
        part.unlink()
        etag_file.unlink()
        raise DownloadMismatch(
            f"The download of {path} has SHA-256 {actual}, but the service promised {expected}. "
            "Nothing was kept; try again."
        )
    part.replace(destination)
    etag_file.unlink()
    return actual


def _fetch(
    connection: Connection,
    path: str,
    part: Path,
    etag_file: Path,
) -> str:
    """Bring the part to its full length and return the ETag of what it holds."""
    start = _size(part)
    etag = etag_file.read_text() if etag_file.exists() else ""
    headers = {"Accept-Encoding": "identity"}
    if start and etag:
        headers |= {"Range": f"bytes={start}-", "If-Range": etag}
    try:
        with connection.stream("GET", path, headers=headers) as response:
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            new_etag = response.headers.get("etag", "")
            if resumed and (new_etag != etag or _range_start(response) != start):
                part.unlink()
                raise ServiceUnreachable(connection.base_url, "the file changed on the way")
            etag_file.write_text(new_etag)
            with part.open("ab" if resumed else "wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            return str(new_etag)
    except ProblemError as error:
        if error.status != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        # Every byte is there already: an earlier run stopped just before the check.
        return etag


def _range_start(response: httpx.Response) -> int | None:
    """Return the first byte's position, from `Content-Range: bytes 100-199/200`."""
    unit_and_range = response.headers.get("content-range", "").removeprefix("bytes ")
    first = unit_and_range.partition("-")[0]
    return int(first) if first.isdigit() else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
