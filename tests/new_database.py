"""Empty databases with this version's schema; SQLite's is migrated once, and copied."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Engine

from service.adapters.sql_engine import open_engine
from service.adapters.sql_migrate import migrate


def new_database(url: str) -> Engine:
    """Open a new database: an SQLite file that is not there yet, or an empty one of PostgreSQL."""
    engine = open_engine(url)
    if engine.dialect.name == "sqlite":
        Path(str(engine.url.database)).write_bytes(_migrated())
    else:
        migrate(engine)
    return engine


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "records.db"
        engine = open_engine(f"sqlite:///{path}")
        migrate(engine)
        engine.dispose()
        return path.read_bytes()
