from pathlib import Path

import pytest
from sqlalchemy import JSON, Column, MetaData, Table, insert, select

from service.adapters import sql_engine
from service.adapters.clock import SystemClock
from service.adapters.sql_engine import file_system_of, journal_mode, open_engine
from service.adapters.sql_migrate import migrate
from service.adapters.sql_records import sql_records
from service.domain.errors import RecordsUnavailable


@pytest.mark.parametrize(
    ("version", "mode"),
    [((3, 40, 1), "TRUNCATE"), ((3, 51, 2), "TRUNCATE"), ((3, 51, 3), "WAL"), ((4, 0, 0), "WAL")],
)
def test_wal_is_used_only_where_it_cannot_corrupt(version: tuple[int, ...], mode: str) -> None:
    assert journal_mode(version) == mode


def test_sqlite_runs_with_full_synchronisation_and_overwrites_what_is_deleted(
    tmp_path: Path,
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    assert str(mode).upper() == journal_mode()
    engine.dispose()


def test_the_file_system_is_that_of_the_deepest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/a / ext4 rw 0 0\n"
        "host:/x /data\\040set nfs4 rw 0 0\n"
        "/dev/b /data\\040set/ssd xfs rw 0 0\n"
    )
    assert file_system_of(Path("/home"), mounts) == "ext4"
    assert file_system_of(Path("/data set/x"), mounts) == "nfs4"
    assert file_system_of(Path("/data set/ssd/x"), mounts) == "xfs"
    assert file_system_of(Path("/data set"), tmp_path / "absent") == ""


@pytest.mark.parametrize("file_system", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p"])
def test_sqlite_on_a_network_file_system_is_refused_by_name(
    file_system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_engine, "file_system_of", lambda *_: file_system)
    with pytest.raises(RecordsUnavailable, match=file_system):
        open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    assert not (tmp_path / "a.db").exists()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/db"])
def test_a_database_that_cannot_serve_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"SQLite needs a file|not supported"):
        open_engine(url)


def test_a_database_that_was_not_migrated_is_unavailable(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    records = sql_records(engine, SystemClock())
    with pytest.raises(RecordsUnavailable, match="synthcxr migrate"):
        records.database.check()
    with pytest.raises(RecordsUnavailable, match="synthcxr migrate"):
        records.jobs.jobs()
    migrate(engine)
    migrate(engine)
    records.database.check()
    records.database.close()


def test_a_postgresql_nobody_answers_for_is_unavailable() -> None:
    records = sql_records(open_engine("postgresql://nobody@127.0.0.1:1/none"), SystemClock())
    with pytest.raises(RecordsUnavailable):
        records.database.check()
    records.database.close()


def test_a_row_that_holds_half_a_character_is_read_as_text_that_can_be_shown(
    tmp_path: Path,
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    rows = Table("rows", MetaData(), Column("found", JSON))
    whole = {"file": "\U0001f600 \\\\udcfc", "other": ["\u00fc", None]}
    with engine.begin() as connection:
        rows.create(connection)
        connection.execute(insert(rows), [{"found": {"M\udcfc": ["ller\ud800"]}}, {"found": whole}])
        first, second = connection.scalars(select(rows.c.found))
    engine.dispose()
    assert first == {"M\\udcfc": ["ller\\ud800"]}
    assert second == whole
