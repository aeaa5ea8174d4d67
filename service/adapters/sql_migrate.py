"""Bring a database to the schema this version serves."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

import service.migrations
from service.adapters.sql_errors import unavailable_by_name
from service.adapters.sql_tables import SCHEMA_REVISION
from service.domain.errors import SchemaUnknown

_WITHOUT_SECURE_DELETE = {"0001", "0002", "0003", "0004"}  # then deleted rows were not overwritten


def migrate(engine: Engine) -> None:
    """Upgrade to the newest revision; harmless when it is there already.

    Raises:
        RecordsUnavailable: The database cannot be reached.
        SchemaUnknown: It was migrated by a newer version than this one.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(service.migrations.__path__[0])))
    with unavailable_by_name():
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            before = MigrationContext.configure(connection).get_current_revision()
            _check_known(config, before)
            command.upgrade(config, "head")
        if before in _WITHOUT_SECURE_DELETE and engine.dialect.name == "sqlite":
            _rewrite(engine)


def _check_known(config: Config, found: str | None) -> None:
    """Raise SchemaUnknown for a revision that this version has no migration to."""
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found and found not in known:
        raise SchemaUnknown.found(found, SCHEMA_REVISION)


def _rewrite(engine: Engine) -> None:
    """Write an SQLite database anew, without what was deleted and never overwritten."""
    connection = engine.raw_connection()
    try:
        assert connection.driver_connection is not None
        connection.driver_connection.execute("VACUUM")
    finally:
        connection.close()
