"""API keys."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of API keys."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("created_by", sa.String(600), nullable=False),
        sa.Column("shown", sa.String(32), nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("expires_at", moment),
        sa.Column("earlier_sha256", sa.String(64)),
        sa.Column("earlier_expires_at", moment),
        sa.Column("revoked_at", moment),
        sa.Column("last_used_at", moment),
    )
    op.create_index("ix_api_keys_earlier_sha256", "api_keys", ["earlier_sha256"])
    op.create_index("api_keys_by_age", "api_keys", ["tenant", "created_at", "id"])


def downgrade() -> None:
    """Drop it: nobody who showed a key is let in afterwards."""
    op.drop_table("api_keys")
