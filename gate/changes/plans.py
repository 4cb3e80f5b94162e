"""Steps of plans: which change comes after which. A step starts when all that it comes after have succeeded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from gate.changes import store
from gate.changes.model import Change, State
from gate.database.tables import plan_steps
from gate.values.canonical import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`change_id` is step `step` of plan `plan_id`, and comes after the changes `after`."""

    change_id: str
    plan_id: str
    step: str
    after: tuple[str, ...]


def add(connection: Connection, step: Step) -> None:
    """Stores a step of a plan."""
    connection.execute(
        insert(plan_steps).values(
            change_id=step.change_id, plan_id=step.plan_id, step=step.step, after=canonical(list(step.after))
        )
    )


def of_plan(connection: Connection, plan_id: str) -> list[Step]:
    """The steps of a plan, in order."""
    rows = connection.execute(
        select(plan_steps).where(plan_steps.c.plan_id == plan_id).order_by(plan_steps.c.change_id)
    )
    return [_step(row.change_id, row.plan_id, row.step, row.after) for row in rows]


def of_change(connection: Connection, change_id: str) -> Step | None:
    """The step that a change is; None if it is of no plan."""
    row = connection.execute(select(plan_steps).where(plan_steps.c.change_id == change_id)).one_or_none()
    return None if row is None else _step(row.change_id, row.plan_id, row.step, row.after)


def unfinished(connection: Connection, change: Change) -> list[Change]:
    """The changes that have to succeed before this one may start, and have not."""
    step = of_change(connection, change.id)
    before = [store.get(connection, change_id) for change_id in (step.after if step else ())]
    return [one for one in before if one.state is not State.SUCCEEDED]


def followers(connection: Connection, change: Change) -> Sequence[Change]:
    """The changes of the same plan that come directly after this one."""
    step = of_change(connection, change.id)
    if step is None:
        return ()
    return [
        store.get(connection, other.change_id)
        for other in of_plan(connection, step.plan_id)
        if change.id in other.after
    ]


def _step(change_id: str, plan_id: str, step: str, after: str) -> Step:
    return Step(change_id=change_id, plan_id=plan_id, step=step, after=tuple(json.loads(after)))
