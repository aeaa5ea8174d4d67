"""The tables."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)

from service.domain.caller import DEFAULT_TENANT

SCHEMA_REVISION = "0009"  # the newest migration; the service serves no other schema

metadata = MetaData()


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC moment, also where the database keeps no time zone (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write UTC."""
        del dialect
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read UTC."""
        del dialect
        if value is None or value.tzinfo:
            return value
        return value.replace(tzinfo=UTC)


def _tenant(*, primary_key: bool = False) -> Column[str]:
    """Say whose a row is."""
    return Column(
        "tenant",
        String(64),
        nullable=False,
        primary_key=primary_key,
        server_default=DEFAULT_TENANT,  # what was there before there were tenants
    )


jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("queue", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("request", JSON(none_as_null=True), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("attempts_without_checkpoint", Integer, nullable=False),
    Column("worker", String(255)),
    Column("lease_expires_at", UtcDateTime),
    Column("progress", JSON(none_as_null=True)),
    Column("metrics", JSON(none_as_null=True), nullable=False),
    Column("result", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("labels", JSON(none_as_null=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("dataset_id", String(40)),  # copied out of the request, to find who needs a dataset
    Column("num_events", Integer, nullable=False, default=0),
    _tenant(),
    # likewise, for the quotas
    Column("num_images", BigInteger),
    Column("budget_seconds", Integer, nullable=False, server_default="0"),
    Column("trace_context", String(55)),
    Index("jobs_by_state", "state", "queue", "id"),
    Index("jobs_by_tenant", "tenant", "created_at", "id"),
    Index("jobs_by_dataset", "dataset_id"),
)

events = Table(
    "events",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("data", JSON, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    _tenant(primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("job_id", String(40), nullable=False, index=True),
)

locks = Table(
    "locks",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(255), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("report", JSON, nullable=False),
    Column("clock_ahead_seconds", Float, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
)

# of the machine that an SQLite database lies on: when it was last booted, see `database_clock`
boots = Table(
    "boots",
    metadata,
    Column("boot_id", String(64), primary_key=True),
    Column("booted_at", UtcDateTime, nullable=False),
)

# what the quotas of a day have booked; a job that is deleted stays in it
tenant_days = Table(
    "tenant_days",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("worker_seconds", Float, nullable=False),
    Column("num_images", BigInteger, nullable=False),
)


# what metrics add up and no other table keeps for good, see `domain/statistics.py`
counts = Table(
    "counts",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("labels", String(120), primary_key=True),
    Column("value", Float, nullable=False),
)


# by which datasets are joined that share patients; outlives a dataset whose sets were examined
trained_patients = Table(
    "trained_patients",
    metadata,
    Column("dataset_id", String(40), primary_key=True),
    Column("patient", BigInteger, primary_key=True, autoincrement=False),
    Index("trained_patients_by_patient", "patient", "dataset_id"),
)


def _documents(name: str, *columns: Column[Any], indexed: Sequence[str] = ()) -> Table:
    """Describe a table whose records are read whole: what is searched, and the rest as JSON.

    Args:
        name: Of the table.
        columns: What is searched, copied out of the record.
        indexed: Names of the columns that need an index.
    """
    return Table(
        name,
        metadata,
        Column("id", String(40), primary_key=True),
        Column("created_at", UtcDateTime, nullable=False),
        _tenant(),
        *columns,
        Column("document", JSON, nullable=False),
        Index(f"{name}_by_tenant", "tenant", "created_at", "id"),
        *(Index(f"{name}_by_{column}", column) for column in indexed),
    )


datasets = _documents(
    "datasets",
    Column("version", String(64)),
    Column("folder", String(120)),
    Column("num_bytes", BigInteger, nullable=False, server_default="0"),  # for the quotas
)
models = _documents(
    "models",
    Column("folder", String(120), nullable=False),
    Column("snapshot_sha256", String(64), nullable=False),
    Column("dataset_version", String(64), nullable=False),
    Column("is_private", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False, server_default=false()),
    Column("line", String(40)),  # of models that started from one another: the first of them
    indexed=["snapshot_sha256", "dataset_version", "line"],
)
synthetic_sets = _documents(
    "synthetic_sets",
    Column("folder", String(120), nullable=False),
    Column("model_id", String(40), nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("findings_read", Boolean, nullable=False),
    indexed=["model_id"],
)
examined_sets = _documents(
    "examined_sets",
    Column("model_id", String(40), nullable=False),
    Column("dataset_id", String(40), nullable=False),
    Column("released", Boolean, nullable=False),
    indexed=["model_id", "dataset_id"],
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(600), nullable=False),
    Column("shown", String(32), nullable=False),
    Column("secret_sha256", String(64), nullable=False, unique=True),
    Column("expires_at", UtcDateTime),
    Column("earlier_sha256", String(64), index=True),
    Column("earlier_expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Index("api_keys_by_age", "tenant", "created_at", "id"),
)

deletions = _documents(
    "deletions", Column("finished", Boolean, nullable=False), indexed=["finished"]
)

# triggers of the migration refuse to change or remove entries
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(64), nullable=False),
    Column("target", String(200)),
    Column("outcome", String(64), nullable=False),
    Column("origin", String(64)),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Index("audit_entries_by_target", "tenant", "target", "action", "sequence"),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("tenant", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", String(600), nullable=False),
    Column("secret", String(300), nullable=False),  # sealed, as the next
    Column("earlier_secret", String(300)),
    Column("earlier_expires_at", UtcDateTime),
    Column("disabled_at", UtcDateTime),
    Column("disabled_reason", String(64)),
    Index("webhooks_by_tenant", "tenant", "created_at", "id"),
)

# messages that are on their way, written in the transaction of what they announce
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("webhook_id", String(40), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("type", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),
    Column("num_attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("last_attempt_at", UtcDateTime),
    Column("last_status", Integer),
    Column("last_error", String(64)),
    Column("lease_expires_at", UtcDateTime),
    Index("webhook_deliveries_by_webhook", "webhook_id", "created_at", "id"),
    Index("webhook_deliveries_by_state", "state", "next_attempt_at"),
)
