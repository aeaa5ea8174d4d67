"""An audit log that only grows, deletions with receipts, and what is left of deleted models."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_REFUSED = "the audit log only grows"
_LAST = "(SELECT COALESCE(MAX(sequence), 0) FROM audit_entries WHERE tenant = NEW.tenant)"
_NOT_THE_NEXT = "WHEN (NEW.sequence <> OLD.sequence + 1)"

# what the database refuses, by the name of the trigger: when, on which table, under which condition
_TRIGGERS = {
    "audit_entries_no_update": ("UPDATE", "audit_entries", ""),
    "audit_entries_no_delete": ("DELETE", "audit_entries", ""),
    "audit_heads_no_jump": ("UPDATE", "audit_heads", _NOT_THE_NEXT),
    "audit_heads_no_delete": ("DELETE", "audit_heads", ""),
}
# INSERT OR REPLACE would remove a row past the triggers above
_OF_SQLITE = {
    "audit_entries_no_replace": (
        "INSERT",
        "audit_entries",
        f"WHEN NEW.sequence <> 1 + {_LAST}",
    ),
    "audit_heads_no_replace": ("INSERT", "audit_heads", "WHEN NEW.sequence <> 0"),
}


def upgrade() -> None:
    """Make the tables, and let the database itself refuse to change an entry."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "audit_entries",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target", sa.String(200)),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.Column("origin", sa.String(64)),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_table(
        "audit_heads",
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_table(
        "deletions",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False, server_default="default"),
        sa.Column("finished", sa.Boolean, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
    )
    op.create_index("deletions_by_tenant", "deletions", ["tenant", "created_at", "id"])
    op.create_index("deletions_by_finished", "deletions", ["finished"])
    op.add_column(
        "models", sa.Column("deleted", sa.Boolean, nullable=False, server_default=sa.false())
    )
    if op.get_bind().dialect.name == "sqlite":
        _refuse_in_sqlite()
    else:
        _refuse_in_postgresql()


def _refuse_in_sqlite() -> None:
    for name, (event, table, condition) in {**_TRIGGERS, **_OF_SQLITE}.items():
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )


def _refuse_in_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_log_grows() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$"
    )
    for name, (event, table, condition) in _TRIGGERS.items():
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {condition} "
            "EXECUTE FUNCTION audit_log_grows()"
        )
    for table in ("audit_entries", "audit_heads"):
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            "EXECUTE FUNCTION audit_log_grows()"
        )


def downgrade() -> None:
    """Drop them; models that were deleted are forgotten, with their privacy accounts."""
    op.execute("DELETE FROM models WHERE deleted")
    with op.batch_alter_table("models") as models:
        models.drop_column("deleted")
    for name in ("deletions", "audit_heads", "audit_entries"):
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_grows()")
