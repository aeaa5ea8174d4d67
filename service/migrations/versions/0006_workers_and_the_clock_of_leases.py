"""Workers, and the clock that leases are judged by.

Leases and the scheduler's lock were written by the clocks of processes before; no process runs
while the schema changes, so they are ended here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables, and end what the clocks of processes measured."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "workers",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("report", sa.JSON, nullable=False),
        sa.Column("clock_ahead_seconds", sa.Float, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("last_seen", moment, nullable=False),
    )
    op.create_table(
        "boots",
        sa.Column("boot_id", sa.String(64), primary_key=True),
        sa.Column("booted_at", moment, nullable=False),
    )
    _end_leases()


def downgrade() -> None:
    """Drop the tables."""
    _end_leases()
    op.drop_table("boots")
    op.drop_table("workers")


def _end_leases() -> None:
    op.execute(
        "UPDATE jobs SET lease_expires_at = created_at WHERE state IN ('running', 'cancelling')"
    )
    op.execute("DELETE FROM locks")
