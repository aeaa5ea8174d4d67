"""All records of one SQLite or PostgreSQL database."""

from sqlalchemy import Engine

from service.adapters.sql_api_keys import SqlApiKeys
from service.adapters.sql_catalog import SqlCatalog
from service.adapters.sql_database import Database
from service.adapters.sql_jobs import SqlJobs
from service.adapters.sql_releases import SqlReleases
from service.domain.ports import Clock, Records


def sql_records(engine: Engine, clock: Clock) -> Records:
    """Serve records from a database; nothing is read or written yet.

    Args:
        engine: From `sql_engine.open_engine`.
        clock: Whose time is written.
    """
    database = Database(engine, clock)
    return Records(
        database,
        SqlJobs(database),
        SqlCatalog(database),
        SqlReleases(database),
        SqlApiKeys(database),
    )
