"""Tenants: whose each record is, and what each tenant uses of its quotas."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

LISTED = ("jobs", "datasets", "models", "synthetic_sets", "examined_sets")


def upgrade() -> None:
    """Give everything that is there to the default tenant."""
    for name in LISTED:
        op.add_column(name, _tenant())
        op.drop_index(f"{name}_by_age", name)
        op.create_index(f"{name}_by_tenant", name, ["tenant", "created_at", "id"])
    op.add_column("jobs", sa.Column("num_images", sa.BigInteger))
    op.add_column("jobs", _number("budget_seconds", sa.Integer()))
    op.add_column("datasets", _number("num_bytes", sa.BigInteger()))
    _count_stored_bytes()
    _remake_keys(
        [_tenant(primary_key=True)],
        "INSERT INTO {new} (key, fingerprint, job_id) SELECT key, fingerprint, job_id FROM {old}",
    )
    op.create_table(
        "tenant_days",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("worker_seconds", sa.Float, nullable=False),
        sa.Column("num_images", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Put the records of all tenants together; where several use one key, one of them keeps it."""
    op.drop_table("tenant_days")
    _remake_keys(
        [],
        "INSERT INTO {new} (key, fingerprint, job_id) "
        "SELECT key, fingerprint, job_id FROM {old} AS a WHERE tenant = "
        "(SELECT min(tenant) FROM {old} AS b WHERE b.key = a.key)",
    )
    op.drop_column("datasets", "num_bytes")
    op.drop_column("jobs", "budget_seconds")
    op.drop_column("jobs", "num_images")
    for name in LISTED:
        op.drop_index(f"{name}_by_tenant", name)
        op.create_index(f"{name}_by_age", name, ["created_at", "id"])
        op.drop_column(name, "tenant")


def _tenant(*, primary_key: bool = False) -> "sa.Column[Any]":
    return sa.Column(
        "tenant",
        sa.String(64),
        nullable=False,
        primary_key=primary_key,
        server_default="default",
    )


def _number(name: str, kind: Any) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=False, server_default="0")


def _count_stored_bytes() -> None:
    """Copy out of the documents of datasets how large they are."""
    connection = op.get_bind()
    datasets = sa.table(
        "datasets",
        sa.column("id", sa.String),
        sa.column("num_bytes", sa.BigInteger),
        sa.column("document", sa.JSON),
    )
    for name, document in connection.execute(sa.select(datasets.c.id, datasets.c.document)).all():
        if artifact := document.get("artifact"):
            num_bytes = artifact["num_bytes"]
            here = sa.update(datasets).where(datasets.c.id == name)
            connection.execute(here.values(num_bytes=num_bytes))


def _remake_keys(first: "list[sa.Column[Any]]", copy: str) -> None:
    """Make the table of idempotency keys anew: SQLite changes no primary key."""
    old, new = "idempotency_keys_before", "idempotency_keys"
    op.drop_index("ix_idempotency_keys_job_id", new)
    op.rename_table(new, old)
    op.create_table(
        new,
        *first,
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(40), nullable=False),
    )
    op.execute(copy.format(old=old, new=new))
    op.drop_table(old)
    op.create_index("ix_idempotency_keys_job_id", new, ["job_id"])
