"""The line of each model: those that started from one another, whose sets are counted together.

A model that started from private weights is of the line of the model that had them; every other one
begins its own.
"""

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the column and fill it from the models' cards."""
    op.add_column("models", sa.Column("line", sa.String(40)))
    op.create_index("models_by_line", "models", ["line"])
    connection = op.get_bind()
    lines: dict[str, str] = {}
    read = sa.text("SELECT id, document FROM models ORDER BY created_at, id")
    for name, stored in connection.execute(read):
        origin = _private_origin(json.loads(stored) if isinstance(stored, str) else stored)
        lines[name] = lines.get(origin, origin) if origin else name
    for name, line in lines.items():
        connection.execute(
            sa.text("UPDATE models SET line = :line WHERE id = :name"), {"line": line, "name": name}
        )


def downgrade() -> None:
    """Drop it: each model has a count of its own again."""
    op.drop_index("models_by_line", "models")
    op.drop_column("models", "line")


def _private_origin(document: Mapping[str, Any]) -> str | None:
    """Name the model that a training started from, unless all that it had learned is public."""
    start = (document.get("card") or {}).get("warm_start") or {}
    origin = start.get("init_from") or ""
    return origin if origin.startswith("mdl_") and not start.get("public_data") else None
