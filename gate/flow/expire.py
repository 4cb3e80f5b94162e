"""What nobody approved in time is over: a wish does not lie in wait for a careless yes."""

from __future__ import annotations

from datetime import datetime, timedelta

from gate.changes import store
from gate.changes.model import Change, State, WaitingFor
from gate.flow.decide import needs
from gate.flow.ports import Site
from gate.ledger import store as ledger
from gate.policy.decision import Decision


def expires_at(change: Change) -> datetime:
    """Until when a change waits for approval: the longest expiry that its rules ask for, from its last move on."""
    wanted = needs(Decision.from_json(change.decision), change.created_at)
    return change.created_at + timedelta(seconds=max((need.expires_s for need in wanted), default=0))


def expire(site: Site) -> list[str]:
    """Ends every change whose time to be approved is over. Returns their ids."""
    now = site.clock.now()
    with site.database.read() as connection:
        waiting = store.in_states(connection, [State.WAITING])
    if not any(_is_over(change, now) for change in waiting):
        return []
    with site.database.write() as connection:
        over = [change for change in store.in_states(connection, [State.WAITING]) if _is_over(change, now)]
        for change in over:
            store.move(connection, change, State.EXPIRED, now=now)
            data = {"because": "Nobody approved it in time."}
            ledger.append(connection, "expired", "gate", data, now=now, change_id=change.id)
    return [change.id for change in over]


def _is_over(change: Change, now: datetime) -> bool:
    return change.waiting_for is WaitingFor.APPROVAL and now >= expires_at(change)
