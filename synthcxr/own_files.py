"""Small files that belong to this user alone: tokens, and where services answer."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

_MAX_BYTES = 64 * 1024


def read_own(path: Path) -> str | None:
    """Read a file that belongs to this user and that nobody else can read or write.

    Returns:
        Its text without blanks around it; None where there is no such file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        is_own = found.st_uid == os.geteuid() and not found.st_mode & 0o077
        if not stat.S_ISREG(found.st_mode) or not is_own:
            return None
        return file.read(_MAX_BYTES).decode("utf-8", "replace").strip()


def write_own(path: Path, text: str) -> None:
    """Write a file for this user alone, which appears whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{secrets.token_hex(8)}.part")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
    aside.replace(path)
