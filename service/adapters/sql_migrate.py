"""Bring a database to the schema this version serves."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

import service.migrations
from service.adapters.sql_engine import unavailable_by_name


def migrate(engine: Engine) -> None:
    """Upgrade to the newest revision; harmless when it is there already.

    Raises:
        RecordsUnavailable: The database cannot be reached.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(service.migrations.__path__[0])))
    with unavailable_by_name(), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
