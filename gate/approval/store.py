"""Rows of approvals. The table itself refuses an approver who is not human."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from gate.approval.quorum import Approval
from gate.database.tables import approvals
from gate.values.actor import Actor
from gate.values.canonical import canonical
from gate.values.clock import from_stamp, stamp


def add(connection: Connection, change_id: str, given: Approval) -> None:
    """Stores a yes. A second yes of the same approver to the same binding renews the first."""
    key = {"change_id": change_id, "approver": str(given.approver), "binding": given.binding}
    connection.execute(delete(approvals).filter_by(**key))
    connection.execute(
        insert(approvals).values(
            **key,
            groups=canonical(sorted(given.groups)),
            at=stamp(given.at),
            expires_at=stamp(given.expires_at),
            comment=given.comment,
        )
    )


def of_change(connection: Connection, change_id: str) -> list[Approval]:
    """Every yes to this change, oldest first; whether it counts is the quorum's business."""
    rows = connection.execute(select(approvals).where(approvals.c.change_id == change_id).order_by(approvals.c.at))
    return [_approval(row) for row in rows]


def _approval(row: Row[Any]) -> Approval:
    return Approval(
        approver=Actor.parse(row.approver),
        binding=row.binding,
        groups=frozenset(json.loads(row.groups)),
        at=from_stamp(row.at),
        expires_at=from_stamp(row.expires_at),
        comment=row.comment,
    )
