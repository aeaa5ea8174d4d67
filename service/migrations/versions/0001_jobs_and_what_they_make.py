"""Jobs and what they make."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("queue", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("attempts_without_checkpoint", sa.Integer, nullable=False),
        sa.Column("worker", sa.String(255)),
        sa.Column("lease_expires_at", moment),
        sa.Column("progress", sa.JSON),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("started_at", moment),
        sa.Column("finished_at", moment),
        sa.Column("dataset_id", sa.String(40)),
        sa.Column("num_events", sa.Integer, nullable=False),
    )
    op.create_index("jobs_by_state", "jobs", ["state", "queue", "id"])
    op.create_index("jobs_by_age", "jobs", ["created_at", "id"])
    op.create_index("jobs_by_dataset", "jobs", ["dataset_id"])
    op.create_table(
        "events",
        sa.Column("job_id", sa.String(40), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(40), nullable=False),
    )
    op.create_index("ix_idempotency_keys_job_id", "idempotency_keys", ["job_id"])
    op.create_table(
        "locks",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("holder", sa.String(255), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
    )
    op.create_table(
        "trained_patients",
        sa.Column("dataset_id", sa.String(40), primary_key=True),
        sa.Column("patient", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_index("trained_patients_by_patient", "trained_patients", ["patient", "dataset_id"])
    _create_documents("datasets", {"version": sa.String(64), "folder": sa.String(120)}, null=True)
    _create_documents(
        "models",
        {
            "folder": sa.String(120),
            "snapshot_sha256": sa.String(64),
            "dataset_version": sa.String(64),
            "is_private": sa.Boolean(),
        },
        indexed=["snapshot_sha256", "dataset_version"],
    )
    _create_documents(
        "synthetic_sets",
        {
            "folder": sa.String(120),
            "model_id": sa.String(40),
            "withdrawn": sa.Boolean(),
            "findings_read": sa.Boolean(),
        },
        indexed=["model_id"],
    )
    _create_documents(
        "examined_sets",
        {"model_id": sa.String(40), "dataset_id": sa.String(40), "released": sa.Boolean()},
        indexed=["model_id", "dataset_id"],
    )


def _create_documents(
    name: str,
    columns: Mapping[str, sa.types.TypeEngine[Any]],
    *,
    indexed: Sequence[str] = (),
    null: bool = False,
) -> None:
    """Make a table of documents with what is searched in columns of their own."""
    op.create_table(
        name,
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(column, kind, nullable=null) for column, kind in columns.items()),
        sa.Column("document", sa.JSON, nullable=False),
    )
    op.create_index(f"{name}_by_age", name, ["created_at", "id"])
    for column in indexed:
        op.create_index(f"{name}_by_{column}", name, [column])


def downgrade() -> None:
    """Drop every table."""
    for name in (
        "examined_sets",
        "synthetic_sets",
        "models",
        "datasets",
        "trained_patients",
        "locks",
        "idempotency_keys",
        "events",
        "jobs",
    ):
        op.drop_table(name)
