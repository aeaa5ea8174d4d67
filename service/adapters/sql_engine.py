"""Connections to the database: SQLite that survives a crash, or PostgreSQL."""

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

from service.domain.errors import RecordsUnavailable

BUSY_TIMEOUT_SECONDS = 10.0
_MOST_CONNECTIONS = 48  # of SQLite: more than the threads that read and the one that writes
# Within ten seconds, so that a worker still knows before its lease runs out.
_NOTICE_A_LOST_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    # and the server notices a client that stopped: its locks would keep all others waiting
    "options": "-c idle_in_transaction_session_timeout=10s -c lock_timeout=10s "
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3",
}
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs")
# Several writers can corrupt a WAL database before this version: sqlite.org/wal.html#walresetbug
_FIRST_SAFE_WAL = (3, 51, 3)


def journal_mode(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> str:
    """Choose how SQLite survives a crash, by the version of the library."""
    return "WAL" if version >= _FIRST_SAFE_WAL else "TRUNCATE"


def open_engine(url: str) -> Engine:
    """Open a database; nothing is read or written before the first use.

    Args:
        url: SQLAlchemy URL of an SQLite file or of PostgreSQL (`postgresql://` means psycopg 3).

    Raises:
        RecordsUnavailable: The SQLite file would lie on a network file system.
        ValueError: The database is another one.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(url, Path(parsed.database or ""))
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            pool_size=10,
            hide_parameters=True,
            json_deserializer=_printable_json,
            connect_args=_NOTICE_A_LOST_NETWORK,
        )
    raise ValueError(f"{parsed.get_backend_name()} is not supported: use sqlite or postgresql.")


def _open_sqlite(url: str, path: Path) -> Engine:
    if path.name in {"", ":memory:"}:
        raise ValueError("SQLite needs a file: several processes share it.")
    file_system = file_system_of(path.absolute().parent, Path("/proc/mounts"))
    if file_system.startswith(_NETWORK_FILE_SYSTEMS):
        raise RecordsUnavailable(
            f"{path} lies on a network file system ({file_system}), where SQLite loses data. "
            "Set SYNTHCXR_DATA_DIR to a local folder, or SYNTHCXR_DATABASE_URL to PostgreSQL."
        )
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        pool_size=_MOST_CONNECTIONS,
        pool_use_lifo=True,
        hide_parameters=True,
        json_deserializer=_printable_json,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _printable_json(text: str | bytes) -> Any:
    """Read JSON; half a character, which no answer could show, becomes its own escape.

    An older version stored names of files as their system spelled them.
    """
    found = json.loads(text)
    if not _HALF_CHARACTER.search(text if isinstance(text, str) else text.decode()):
        return found
    shown = json.dumps(found, ensure_ascii=False)
    return json.loads(_LONE_SURROGATE.sub(lambda half: f"\\\\u{ord(half.group()):04x}", shown))


def _prepare_sqlite(connection: Any, record: Any) -> None:
    del record
    connection.isolation_level = None  # transactions begin where _begin_sqlite says
    connection.execute(f"PRAGMA journal_mode={journal_mode()}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten with zeros


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: one that upgrades later can fail without a second chance.
    match connection.get_execution_options().get("reads"):
        case None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        case "snapshot":
            connection.exec_driver_sql("BEGIN")


def file_system_of(folder: Path, mounts: Path) -> str:
    """Name the type of the file system that holds a folder, or "" where it is not known."""
    if not mounts.exists():
        return ""
    found = ("", "")
    for line in mounts.read_text().splitlines():
        _, mount_point, file_system, *_ = line.split(" ")
        mount_point = mount_point.replace("\\040", " ")
        if folder.is_relative_to(mount_point) and len(mount_point) >= len(found[0]):
            found = (mount_point, file_system)
    return found[1]
