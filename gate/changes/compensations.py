"""Plans that failed and of which the finished steps are still to be taken back; written with the failure itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from gate.changes import plans, store
from gate.changes.model import State
from gate.database.tables import compensations
from gate.values.clock import stamp

UNDER_WAY = frozenset({State.RUNNING, State.UNDOING, State.UNKNOWN})
CONCERNED = UNDER_WAY | {State.SUCCEEDED, State.WAITING, State.READY}  # to be taken back, or withdrawn


def want(connection: Connection, change_id: str, now: datetime) -> None:
    """Asks for what the plan of this change, which did not succeed, has finished to be taken back; once for a plan."""
    step = plans.of_change(connection, change_id)
    if step is None:
        return
    members = [store.get(connection, one.change_id) for one in plans.of_plan(connection, step.plan_id)]
    concerned = any(one.state in CONCERNED for one in members)
    of_undos = any(one.undo_of for one in members)  # what was taken back stays taken back
    if concerned and not of_undos and _because(connection, step.plan_id) is None:
        row = {"plan_id": step.plan_id, "change_id": change_id, "since": stamp(now)}
        connection.execute(insert(compensations).values(**row))


def broken_by(connection: Connection, change_id: str) -> str | None:
    """The change that broke the plan of this one, as long as the plan is still to be taken back; None if it is not."""
    step = plans.of_change(connection, change_id)
    return None if step is None else _because(connection, step.plan_id)


def _because(connection: Connection, plan_id: str) -> str | None:
    found = select(compensations.c.change_id).where(compensations.c.plan_id == plan_id)
    return connection.execute(found).scalar_one_or_none()


def due(connection: Connection) -> list[str]:
    """The changes that broke a plan of which no step is under way any more, oldest first."""
    rows = connection.execute(select(compensations).order_by(compensations.c.since, compensations.c.plan_id))
    return [row.change_id for row in rows if not _moves(connection, row.plan_id)]


def forget(connection: Connection, change_id: str) -> None:
    """It is done."""
    connection.execute(delete(compensations).where(compensations.c.change_id == change_id))


def _moves(connection: Connection, plan_id: str) -> bool:
    steps = plans.of_plan(connection, plan_id)
    return any(store.get(connection, one.change_id).state in UNDER_WAY for one in steps)
