"""Counts that outlive what was counted, and the trace that a job belongs to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table and the column."""
    op.add_column("jobs", sa.Column("trace_context", sa.String(55)))
    op.create_table(
        "counts",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("labels", sa.String(120), primary_key=True),
        sa.Column("value", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Drop them: the counts start anew."""
    op.drop_column("jobs", "trace_context")
    op.drop_table("counts")
