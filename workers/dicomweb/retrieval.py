"""Fetching one image (WADO-RS) into a file, as it is stored on the server."""

from __future__ import annotations

import os
from io import BufferedRandom
from pathlib import Path

import httpx

from radiographs.reading.file_tree import MAX_FILE_BYTES
from workers.dicomweb.connection import Connection, Missing
from workers.dicomweb.multipart import NotOneFile, OneFile
from workers.dicomweb.search import Instance

_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_MAGIC = slice(128, 132)


async def fetch(connection: Connection, instance: Instance, target: Path, partial: Path) -> int:
    """Fetch an image; returns its size in bytes.

    Args:
        connection: The server.
        instance: The image.
        target: The file to make; it is there only once it is whole and durable.
        partial: Where it is written until then.

    Raises:
        Missing: The server does not give it, or something that is no DICOM file.
        DicomwebFailed: See the error tree.
    """
    path = f"/studies/{instance.study}/series/{instance.series}/instances/{instance.uid}"

    async def receive(response: httpx.Response) -> int:
        with _private(partial) as file:
            try:
                message = OneFile(response.headers.get("content-type", ""), file.write)
                async for chunk in response.aiter_bytes():
                    message.feed(chunk)
                    if file.tell() > MAX_FILE_BYTES:
                        raise Missing(f"it has more than {MAX_FILE_BYTES:,} bytes")
                message.finish()
            except NotOneFile as error:
                raise Missing(error.reason) from None
            num_bytes = file.tell()
            file.seek(0)
            if file.read(_MAGIC.stop)[_MAGIC] != b"DICM":
                raise Missing("the server sent something else than DICOM")
            os.fsync(file.fileno())
        partial.rename(target)
        return num_bytes

    try:
        return await connection.retrieve(path, _ACCEPT, receive)
    finally:
        partial.unlink(missing_ok=True)


def _private(path: Path) -> BufferedRandom:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")
