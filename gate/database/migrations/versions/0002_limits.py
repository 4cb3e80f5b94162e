"""What limits and risk look at: the action, the failure and the places of a change, and resets of breakers."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FAILED = ("failed", "unknown")
BECAUSE_IT_FAILED = {"because": "the change failed"}


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    text = sa.Text(collation="C" if postgresql else None)  # times sort as bytes, as they do on SQLite
    op.add_column("changes", sa.Column("action", text, nullable=False, server_default=""))
    op.add_column("changes", sa.Column("failed_at", text))
    for name in ("environment", "criticality", "groups"):
        op.add_column("change_hosts", sa.Column(name, text))
    op.create_table(
        "breaker_resets",
        sa.Column("breaker", text, primary_key=True),
        sa.Column("key", text, primary_key=True),
        sa.Column("at", text, nullable=False),
    )
    _fill_in()
    op.create_index("changes_by_update", "changes", ["updated_at"])
    op.create_index("changes_by_actor", "changes", ["actor", "updated_at"])
    op.create_index("changes_by_action", "changes", ["action", "updated_at"])
    op.create_index("changes_by_failure", "changes", ["failed_at"])
    op.create_index("changes_by_failed_actor", "changes", ["actor", "failed_at"])
    op.create_index("changes_by_failed_action", "changes", ["action", "failed_at"])


def _fill_in() -> None:
    """Says of the changes that are there what their intent and the ledger say; of their places nobody knows."""
    connection = op.get_bind()
    columns: list[sa.Column[str]] = [
        sa.Column(name) for name in ("id", "state", "intent", "updated_at", "action", "failed_at")
    ]
    changes = sa.table("changes", *columns)
    ledger = sa.table("ledger", sa.Column("change_id"), sa.Column("kind"), sa.Column("body"))
    failed_at = {}
    undoing = sa.select(ledger.c.change_id, ledger.c.body).where(ledger.c.kind == "undoing")
    for change_id, body in connection.execute(undoing).all():
        entry = json.loads(body)
        if entry["data"] == BECAUSE_IT_FAILED:
            failed_at[change_id] = entry["at"]
    rows = connection.execute(sa.select(changes.c.id, changes.c.state, changes.c.intent, changes.c.updated_at)).all()
    for row in rows:
        values = {"action": json.loads(row.intent).get("action", "")}
        if (at := failed_at.get(row.id) or (row.updated_at if row.state in FAILED else None)) is not None:
            values["failed_at"] = at
        connection.execute(sa.update(changes).where(changes.c.id == row.id).values(**values))
