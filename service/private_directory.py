"""The data directory, which nobody but the service's own user can look into.

Every process of the service calls `data_dir_or_exit` before all else.
"""

import os
import shlex
import stat
import sys
from pathlib import Path

NO_PERMISSION = 77  # EX_NOPERM of sysexits.h
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class NotPrivate(Exception):
    """The data directory is open to others; the message is one line and names the fix."""


def open_private(data_dir: Path) -> None:
    """Let this process and its children write for their own user alone, below a private folder.

    A folder that is not there is made. One that is there is never changed: who opened it to others
    may have had a reason, and finds out here.

    Args:
        data_dir: The data directory. Whoever cannot pass it cannot reach what lies in it.

    Raises:
        NotPrivate: Others can read it, or it belongs to another user.
        OSError: It cannot be made.
    """
    os.umask(_OTHERS)
    data_dir.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    found = data_dir.stat()
    named = shlex.quote(str(data_dir))
    if found.st_uid != os.geteuid():
        raise NotPrivate(
            f"The data directory {named} belongs to another user (uid {found.st_uid}): run "
            f"`chown -R {os.geteuid()} {named}`, or choose a folder of your own."
        )
    if found.st_mode & _OTHERS:
        raise NotPrivate(
            f"The data directory {named} is open to other users (mode "
            f"{stat.S_IMODE(found.st_mode):04o}), and it holds private images: run "
            f"`chmod -R go-rwx {named}`."
        )


def data_dir_or_exit(data_dir: Path) -> None:
    """Do so, or end this process with one line on standard error and exit code 77."""
    try:
        open_private(data_dir)
    except NotPrivate as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NO_PERMISSION)
