"""The tables. Times are `stamp` texts, values are canonical JSON texts; `ledger` refuses UPDATE and DELETE."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

changes = Table(
    "changes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("waiting_for", Text),  # approval | window | hold | plan | limit, while the state is `waiting`
    Column("actor", Text, nullable=False),  # kind:name
    Column("intent", Text, nullable=False),
    Column("parameters", Text, nullable=False),  # complete: defaults are filled in
    Column("hosts", Text, nullable=False),  # a sorted list
    Column("action_digest", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("binding", Text, nullable=False),  # the digest that an approval and a start are bound to
    Column("preview", Text),  # digest of the check-mode diff
    Column("undo_of", Text, ForeignKey("changes.id")),
    Column("request_key", Text),  # the caller's own name for this request: the same key makes one change
    Column("executor", Text),  # which executor runs it
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("action", Text, nullable=False, server_default=""),  # the one of the intent
    Column("failed_at", Text),  # when it failed last, even if it was taken back since
    Index("changes_by_state", "state"),
    Index("changes_by_key", "actor", "request_key", unique=True),
    Index("changes_by_undo", "undo_of"),
    Index("changes_by_update", "updated_at"),
    Index("changes_by_actor", "actor", "updated_at"),
    Index("changes_by_action", "action", "updated_at"),
    Index("changes_by_failure", "failed_at"),
    Index("changes_by_failed_actor", "actor", "failed_at"),
    Index("changes_by_failed_action", "action", "failed_at"),
)

change_hosts = Table(
    "change_hosts",
    metadata,
    Column("change_id", Text, ForeignKey("changes.id"), primary_key=True),
    Column("host", Text, primary_key=True),
    Column("environment", Text),  # these three as the inventory said when it was decided; empty: nobody knows
    Column("criticality", Text),
    Column("groups", Text),  # space-separated
    Index("change_hosts_by_host", "host"),
)

breaker_resets = Table(
    "breaker_resets",
    metadata,
    Column("breaker", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # what failed: the values of the breaker's `by`, with commas
    Column("at", Text, nullable=False),  # what failed before is forgotten
)

plan_steps = Table(
    "plan_steps",
    metadata,
    Column("change_id", Text, ForeignKey("changes.id"), primary_key=True),
    Column("plan_id", Text, nullable=False),
    Column("step", Text, nullable=False),  # its name within the plan
    Column("after", Text, nullable=False),  # a list of ids of changes that have to succeed first
    Index("plan_steps_by_plan", "plan_id"),
)

compensations = Table(
    "compensations",
    metadata,
    Column("plan_id", Text, primary_key=True),
    Column("change_id", Text, ForeignKey("changes.id"), nullable=False),  # the step that did not succeed
    Column("since", Text, nullable=False),
)

holds = Table(
    "holds",
    metadata,
    Column("host", Text, primary_key=True),  # one taker at a time, by the key itself
    Column("change_id", Text, ForeignKey("changes.id"), nullable=False),
    Column("since", Text, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("change_id", Text, ForeignKey("changes.id"), primary_key=True),
    Column("approver", Text, primary_key=True),
    Column("binding", Text, primary_key=True),
    Column("groups", Text, nullable=False),  # the approver's groups when the yes was said
    Column("at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("comment", Text, nullable=False),
    CheckConstraint("approver LIKE 'human:%'", name="only_humans_approve"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("change_id", Text, ForeignKey("changes.id"), nullable=False),
    Column("phase", Text, nullable=False),  # check | do | verify | undo
    Column("nonce", Text, nullable=False, unique=True),  # a warrant is issued once
    Column("folder", Text, nullable=False),  # where its artifacts lie, relative to the state folder
    Column("started_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("outcome", Text),
    Index("runs_by_change", "change_id"),
)

halt = Table(
    "halt",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("at", Text, nullable=False),
    Column("actor", Text, CheckConstraint("actor LIKE 'human:%'"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("force", Integer, nullable=False),  # 1: nothing is taken back either
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret_hash", Text, nullable=False, unique=True),
    Column("actor", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # space-separated
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("revoked_at", Text),
    CheckConstraint(
        "actor LIKE 'human:%' OR scopes IN ('propose', 'read', 'propose read')", name="only_humans_hold_approve"
    ),
)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("change_id", Text),
    Column("body", Text, nullable=False),  # canonical JSON of the whole entry
    Column("leaf", LargeBinary, nullable=False),
    Index("ledger_by_change", "change_id"),
)

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("frontier", Text, nullable=False),  # JSON list of hex hashes, the largest subtree first
)
