"""A plan that failed takes back what it has finished, newest first, by the front door: each undo is decided on.

That a plan is to be taken back is written in the transaction in which it failed, and what is proposed for it in one
other; so whatever dies in between, the next to look goes on where it stopped.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from gate.changes import compensations, plans, store
from gate.changes.model import Change, State
from gate.flow.finish import end_unstarted
from gate.flow.ports import Site
from gate.flow.undo_many import propose_undos, survey
from gate.ledger import store as ledger


def compensate(site: Site, change_id: str) -> None:
    """Withdraws what is left of the plan that this change broke, and proposes to take back what it has finished."""
    inventory, now = site.inventory(), site.clock.now()
    with site.database.write() as connection:
        if change_id not in compensations.due(connection):
            return  # somebody else was faster, or a step of it has just begun
        broken = store.get(connection, change_id)
        done, withdrawn = _left(connection, broken, now)
        compensations.forget(connection, change_id)
        if not done and not withdrawn:
            return
        found, past = survey(site, connection, inventory, done, (), now, cascade=False)
        reason = f"Taken back because {change_id}, a step of the same plan, is {broken.state.value}."
        made = propose_undos(site, connection, inventory, found.steps, past, broken.actor, reason, now)
        data = {
            "undos": {one.undo_of: one.id for one in made},
            "stays": [{"change": one.change_id, "host": one.host, "why": one.why} for one in found.conflicts],
        }
        ledger.append(connection, "compensating", "gate", data, now=now, change_id=change_id)
    site.wake()


def _left(connection: Connection, broken: Change, now: datetime) -> tuple[list[str], list[str]]:
    """The steps that succeeded; and those that had not begun, which are withdrawn."""
    step = plans.of_change(connection, broken.id)
    done, withdrawn = [], []
    for one in plans.of_plan(connection, step.plan_id) if step else ():
        member = store.get(connection, one.change_id)
        if member.state in {State.WAITING, State.READY}:
            data = {"because": f"{broken.id}, a step of the same plan, is {broken.state.value}."}
            ledger.append(connection, "withdrawn", "gate", data, now=now, change_id=member.id)
            end_unstarted(connection, member, State.WITHDRAWN, now)
            withdrawn.append(member.id)
        elif member.state is State.SUCCEEDED:
            done.append(member.id)
    return done, withdrawn
