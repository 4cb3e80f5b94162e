"""The first tables. Frozen: later changes come as migrations of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = """
CREATE TRIGGER ledger_refuses_{verb} BEFORE {verb} ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
"""
NO_REPLACE = """
CREATE TRIGGER ledger_refuses_replace BEFORE INSERT ON ledger
WHEN EXISTS (SELECT 1 FROM ledger WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
"""  # INSERT OR REPLACE deletes without asking the trigger for DELETE
SQLITE = (APPEND_ONLY.format(verb="UPDATE"), APPEND_ONLY.format(verb="DELETE"), NO_REPLACE)
POSTGRESQL = (
    """
    CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$
    """,
    """
    CREATE TRIGGER ledger_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()
    """,
    "ALTER TABLE ledger ENABLE ALWAYS TRIGGER ledger_refuses_change",
)


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    text = sa.Text(collation="C" if postgresql else None)  # ids and times sort as bytes, as they do on SQLite
    op.create_table(
        "changes",
        sa.Column("id", text, primary_key=True),
        sa.Column("state", text, nullable=False),
        sa.Column("waiting_for", text),
        sa.Column("actor", text, nullable=False),
        sa.Column("intent", text, nullable=False),
        sa.Column("parameters", text, nullable=False),
        sa.Column("hosts", text, nullable=False),
        sa.Column("action_digest", text, nullable=False),
        sa.Column("decision", text, nullable=False),
        sa.Column("binding", text, nullable=False),
        sa.Column("preview", text),
        sa.Column("undo_of", text, sa.ForeignKey("changes.id")),
        sa.Column("request_key", text),
        sa.Column("executor", text),
        sa.Column("created_at", text, nullable=False),
        sa.Column("updated_at", text, nullable=False),
    )
    op.create_index("changes_by_state", "changes", ["state"])
    op.create_index("changes_by_key", "changes", ["actor", "request_key"], unique=True)
    op.create_index("changes_by_undo", "changes", ["undo_of"])
    op.create_table(
        "change_hosts",
        sa.Column("change_id", text, sa.ForeignKey("changes.id"), primary_key=True),
        sa.Column("host", text, primary_key=True),
    )
    op.create_index("change_hosts_by_host", "change_hosts", ["host"])
    op.create_table(
        "plan_steps",
        sa.Column("change_id", text, sa.ForeignKey("changes.id"), primary_key=True),
        sa.Column("plan_id", text, nullable=False),
        sa.Column("step", text, nullable=False),
        sa.Column("after", text, nullable=False),
    )
    op.create_index("plan_steps_by_plan", "plan_steps", ["plan_id"])
    op.create_table(
        "holds",
        sa.Column("host", text, primary_key=True),
        sa.Column("change_id", text, sa.ForeignKey("changes.id"), nullable=False),
        sa.Column("since", text, nullable=False),
    )
    op.create_table(
        "approvals",
        sa.Column("change_id", text, sa.ForeignKey("changes.id"), primary_key=True),
        sa.Column("approver", text, primary_key=True),
        sa.Column("binding", text, primary_key=True),
        sa.Column("groups", text, nullable=False),
        sa.Column("at", text, nullable=False),
        sa.Column("expires_at", text, nullable=False),
        sa.Column("comment", text, nullable=False),
        sa.CheckConstraint("approver LIKE 'human:%'", name="only_humans_approve"),
    )
    op.create_table(
        "runs",
        sa.Column("id", text, primary_key=True),
        sa.Column("change_id", text, sa.ForeignKey("changes.id"), nullable=False),
        sa.Column("phase", text, nullable=False),
        sa.Column("nonce", text, nullable=False, unique=True),
        sa.Column("folder", text, nullable=False),
        sa.Column("started_at", text, nullable=False),
        sa.Column("ended_at", text),
        sa.Column("outcome", text),
    )
    op.create_index("runs_by_change", "runs", ["change_id"])
    op.create_table(
        "tokens",
        sa.Column("id", text, primary_key=True),
        sa.Column("secret_hash", text, nullable=False, unique=True),
        sa.Column("actor", text, nullable=False),
        sa.Column("scopes", text, nullable=False),
        sa.Column("created_at", text, nullable=False),
        sa.Column("expires_at", text, nullable=False),
        sa.Column("revoked_at", text),
        sa.CheckConstraint(
            "actor LIKE 'human:%' OR scopes IN ('propose', 'read', 'propose read')", name="only_humans_hold_approve"
        ),
    )
    op.create_table(
        "ledger",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", text, nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("change_id", text),
        sa.Column("body", text, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
    )
    op.create_index("ledger_by_change", "ledger", ["change_id"])
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("frontier", text, nullable=False),
    )
    op.execute("INSERT INTO ledger_head (id, size, frontier) VALUES (1, 0, '[]')")
    for statement in POSTGRESQL if postgresql else SQLITE:
        op.execute(statement)
