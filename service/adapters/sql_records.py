"""All records of one SQLite or PostgreSQL database."""

from collections.abc import Callable
from functools import cache

from sqlalchemy import Engine

from service.adapters.database_clock import DatabaseClock
from service.adapters.sql_api_keys import SqlApiKeys
from service.adapters.sql_audit import SqlAuditLog
from service.adapters.sql_catalog import SqlCatalog
from service.adapters.sql_database import Database
from service.adapters.sql_deletions import SqlDeletions
from service.adapters.sql_jobs import SqlJobs
from service.adapters.sql_releases import SqlReleases
from service.adapters.sql_statistics import SqlStatistics
from service.adapters.sql_transactions import Transactions
from service.adapters.sql_webhooks import SqlWebhooks
from service.adapters.sql_workers import SqlWorkers
from service.domain.ports import Clock
from service.domain.record_ports import Records


def sql_records(engine: Engine, clock: Clock, shared_clock: DatabaseClock | None = None) -> Records:
    """Serve records from a database; nothing is read or written yet.

    Args:
        engine: From `sql_engine.open_engine`.
        clock: The time of day, for what people read.
        shared_clock: What leases are written and judged by; by default that of the database.
    """
    database = Database(Transactions(engine), clock, shared_clock=shared_clock)
    return _records(database, cache(lambda tenant: _of_tenant(database, tenant)))


def _of_tenant(database: Database, tenant: str) -> Records:
    def of_tenant(name: str) -> Records:
        raise AssertionError(f"records of {tenant} hold none of {name}")

    return _records(database.of_tenant(tenant), of_tenant)


def _records(database: Database, of_tenant: Callable[[str], Records]) -> Records:
    return Records(
        database,
        SqlJobs(database),
        SqlCatalog(database),
        SqlReleases(database),
        SqlWorkers(database),
        SqlApiKeys(database),
        SqlDeletions(database),
        SqlAuditLog(database),
        of_tenant,
        SqlStatistics(database),
        SqlWebhooks(database),
    )
