"""Which token belongs to which service: it is looked up anew for every request to it.

`synthcxr up` keeps a key in `token` of its data directory. Beside it lies `url`, and in the user's
state directory a file that names the data directory of each running service, so that a client
finds the token from any folder. Files are read only where they are this user's alone, and what they
hold is sent only if it is a key of a SynthCXR service.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from synthcxr.addresses import DEFAULT_URL, is_same_service
from synthcxr.errors import BadToken
from synthcxr.own_files import read_own, write_own
from synthcxr.profiles import named_profile, token_of_profile

DEFAULT_DATA_DIR = "synthcxr-data"
TOKEN_FILE = "token"  # noqa: S105 - its name
URL_FILE = "url"

_KEY = re.compile(r"synthcxr_[0-9a-z]{59}")
_HEADER_TEXT = re.compile(r"[\x21-\x7e]+")


def token_for(url: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the token of a service, or None where none is known.

    Looked for in this order: the profile that `SYNTHCXR_PROFILE` names; `SYNTHCXR_TOKEN` and the
    file `SYNTHCXR_TOKEN_FILE`, which belong to the service at `SYNTHCXR_URL` (by default the local
    one) and to no other; the user's profiles; the data directory (`SYNTHCXR_DATA_DIR`, by default
    `./synthcxr-data`); the user's state directory.

    Args:
        url: Where the service answers.
        environment: The variables.

    Raises:
        BadToken: A variable or the file that it names holds something else.
        NoSuchProfile, ProfilesUnreadable: The profiles cannot be used.
        OSError: That file cannot be read.
    """
    named = named_profile(environment)
    if named and is_same_service(url, named.url):
        return named.token
    if is_same_service(url, environment.get("SYNTHCXR_URL") or DEFAULT_URL):
        if token := environment.get("SYNTHCXR_TOKEN", "").strip():
            return printable(token)
        if file := environment.get("SYNTHCXR_TOKEN_FILE"):
            return printable(Path(file).read_text(encoding="utf-8").strip())
    return (
        token_of_profile(url, environment)
        or _token_in(_data_dir(environment), url)
        or _token_in(_announced(url, environment), url)
    )


def announce(url: str, data_dir: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Say that the service of a data directory answers at an address, from now on."""
    write_own(data_dir / URL_FILE, url)
    with suppress(OSError):  # without a home, clients find it by the data directory alone
        write_own(_announcement(url, environment), str(data_dir))


def withdraw(url: str, data_dir: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Take an announcement back: whoever listens there next is another."""
    for path in (data_dir / URL_FILE, _announcement(url, environment)):
        with suppress(OSError):
            path.unlink()


def _data_dir(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("SYNTHCXR_DATA_DIR") or DEFAULT_DATA_DIR)


def _announced(url: str, environment: Mapping[str, str]) -> Path | None:
    data_dir = read_own(_announcement(url, environment))
    return Path(data_dir) if data_dir else None


def _announcement(url: str, environment: Mapping[str, str]) -> Path:
    state = environment.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(state) / "synthcxr" / "services" / quote(url.rstrip("/"), safe="")


def _token_in(data_dir: Path | None, url: str) -> str | None:
    """Return the token of a data directory, if its service answers at an address."""
    if data_dir is None or not is_same_service(read_own(data_dir / URL_FILE) or "", url):
        return None
    token = read_own(data_dir / TOKEN_FILE) or ""
    return token if _KEY.fullmatch(token) else None


def printable(token: str) -> str:
    """Return a token that can be sent.

    Raises:
        BadToken: It is none.
    """
    if not _HEADER_TEXT.fullmatch(token):
        raise BadToken
    return token
