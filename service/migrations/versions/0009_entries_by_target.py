"""An index of the audit log by what its entries are about: approvals are looked up by their set."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the index."""
    op.create_index(
        "audit_entries_by_target", "audit_entries", ["tenant", "target", "action", "sequence"]
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("audit_entries_by_target", "audit_entries")
