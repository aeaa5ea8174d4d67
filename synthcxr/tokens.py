"""Which token belongs to which service: it is looked up anew for every request to it.

`synthcxr up` keeps a key in `token` of its data directory. Beside it lies `url`, and in the user's
state directory a file that names the data directory of each running service, so that a client
finds the token from any folder. Files are read only where they are this user's alone, and what they
hold is sent only if it is a key of a SynthCXR service.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from synthcxr.addresses import is_same_service
from synthcxr.errors import BadToken

DEFAULT_URL = "http://127.0.0.1:8765"
DEFAULT_DATA_DIR = "synthcxr-data"
TOKEN_FILE = "token"  # noqa: S105 - its name
URL_FILE = "url"

_KEY = re.compile(r"synthcxr_[0-9a-z]{59}")
_HEADER_TEXT = re.compile(r"[\x21-\x7e]+")
_MAX_BYTES = 64 * 1024


def token_for(url: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the token of a service, or None where none is known.

    Looked for in this order: `SYNTHCXR_TOKEN` and the file `SYNTHCXR_TOKEN_FILE`, which belong to
    the service at `SYNTHCXR_URL` (by default the local one) and to no other; the data directory
    (`SYNTHCXR_DATA_DIR`, by default `./synthcxr-data`); the user's state directory.

    Args:
        url: Where the service answers.
        environment: The variables.

    Raises:
        BadToken: A variable or the file that it names holds something else.
        OSError: That file cannot be read.
    """
    if is_same_service(url, environment.get("SYNTHCXR_URL") or DEFAULT_URL):
        if token := environment.get("SYNTHCXR_TOKEN", "").strip():
            return _printable(token)
        if file := environment.get("SYNTHCXR_TOKEN_FILE"):
            return _printable(Path(file).read_text(encoding="utf-8").strip())
    return _token_in(_data_dir(environment), url) or _token_in(_announced(url, environment), url)


def announce(url: str, data_dir: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Say that the service of a data directory answers at an address, from now on."""
    _replace(data_dir / URL_FILE, url)
    with suppress(OSError):  # without a home, clients find it by the data directory alone
        _replace(_announcement(url, environment), str(data_dir))


def withdraw(url: str, data_dir: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Take an announcement back: whoever listens there next is another."""
    for path in (data_dir / URL_FILE, _announcement(url, environment)):
        with suppress(OSError):
            path.unlink()


def _data_dir(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("SYNTHCXR_DATA_DIR") or DEFAULT_DATA_DIR)


def _announced(url: str, environment: Mapping[str, str]) -> Path | None:
    data_dir = _read_own(_announcement(url, environment))
    return Path(data_dir) if data_dir else None


def _announcement(url: str, environment: Mapping[str, str]) -> Path:
    state = environment.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(state) / "synthcxr" / "services" / quote(url.rstrip("/"), safe="")


def _token_in(data_dir: Path | None, url: str) -> str | None:
    """Return the token of a data directory, if its service answers at an address."""
    if data_dir is None or not is_same_service(_read_own(data_dir / URL_FILE) or "", url):
        return None
    token = _read_own(data_dir / TOKEN_FILE) or ""
    return token if _KEY.fullmatch(token) else None


def _read_own(path: Path) -> str | None:
    """Read a file that belongs to this user and that nobody else can read or write."""
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


def _replace(path: Path, text: str) -> None:
    """Write a file for this user alone, which appears whole."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{secrets.token_hex(8)}.part")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
    aside.replace(path)


def _printable(token: str) -> str:
    if not _HEADER_TEXT.fullmatch(token):
        raise BadToken
    return token
