"""The server's packages, which lie in a checkout or an image and not in the client's wheel."""

from __future__ import annotations

import importlib.util
import sys

from synthcxr.errors import ServerMissing


def require_server(purpose: str, *needed: str) -> None:
    """Check that packages of the server are there.

    Args:
        purpose: Who needs them, for the message.
        needed: Their names.

    Raises:
        ServerMissing: One is not.
    """
    if any(importlib.util.find_spec(name) is None for name in needed):
        raise ServerMissing(purpose)


def command_of(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a module of ours.

    The current folder is not on its path (`-P`): a user's own `models` or `service` there would be
    taken for ours. Processes that it starts by `multiprocessing` inherit this.

    Args:
        module: Such as `service`.
        arguments: Those of the module.
    """
    return (sys.executable, "-P", "-m", module, *arguments)
