"""Files that appear whole and survive a crash: written aside, flushed to disk, then named."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.domain.errors import StorageFull

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600  # for the service's user alone


@contextmanager
def storage_full_by_name() -> Iterator[None]:
    """Turn the system's "no space left" into StorageFull."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise StorageFull(
            "The disk of the data directory is full; nothing half-written was kept. "
            "Free some space, then send the request again."
        ) from error


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that only this user can read, over the one that is there.

    Raises:
        StorageFull: The disk is full; the file is as it was.
    """
    with storage_full_by_name():
        _written_aside(path, content).replace(path)
        sync(path.parent)


def create_file(path: Path, content: bytes) -> bool:
    """Write a file that only this user can read, unless there is one.

    Of several processes that do so at once exactly one succeeds.

    Returns:
        Whether it is ours.

    Raises:
        StorageFull: The disk is full; there is no file.
    """
    with storage_full_by_name():
        aside = _written_aside(path, content)
        try:
            os.link(aside, path)
        except FileExistsError:
            return False
        finally:
            aside.unlink()
        sync(path.parent)
    return True


def sync(path: Path) -> None:
    """Flush a file or the names in a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _written_aside(path: Path, content: bytes) -> Path:
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    aside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(aside, "xb", opener=_for_owner_alone) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise
    return aside


def _for_owner_alone(path: str, flags: int) -> int:
    return os.open(path, flags, _FILE_MODE)
