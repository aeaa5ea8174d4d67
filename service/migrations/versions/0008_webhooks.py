"""Webhooks, and the messages that are on their way to them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("events", sa.JSON, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.String(600), nullable=False),
        sa.Column("secret", sa.String(300), nullable=False),
        sa.Column("earlier_secret", sa.String(300)),
        sa.Column("earlier_expires_at", moment),
        sa.Column("disabled_at", moment),
        sa.Column("disabled_reason", sa.String(64)),
    )
    op.create_index("webhooks_by_tenant", "webhooks", ["tenant", "created_at", "id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("webhook_id", sa.String(40), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("num_attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", moment),
        sa.Column("last_attempt_at", moment),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error", sa.String(64)),
        sa.Column("lease_expires_at", moment),
    )
    by_webhook = ["webhook_id", "created_at", "id"]
    op.create_index("webhook_deliveries_by_webhook", "webhook_deliveries", by_webhook)
    by_state = ["state", "next_attempt_at"]
    op.create_index("webhook_deliveries_by_state", "webhook_deliveries", by_state)


def downgrade() -> None:
    """Drop them; what was not delivered is not."""
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
