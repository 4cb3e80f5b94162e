"""What a look now and then does: what nobody approved is over, and what has waited long enough is decided again."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from gate.changes import holds, store
from gate.changes.model import Change, State, WaitingFor
from gate.flow.decide import needs
from gate.flow.finish import end_unstarted
from gate.flow.ports import Site
from gate.ledger import store as ledger
from gate.policy.decision import Decision

_KINDS: dict[WaitingFor | None, str] = {WaitingFor.WINDOW: "window-opens", WaitingFor.LIMIT: "limit-frees"}


def expires_at(change: Change) -> datetime:
    """Until when a change waits for approval: the longest expiry that its rules ask for, from its last move on."""
    wanted = needs(Decision.from_json(change.decision), change.created_at)
    return change.updated_at + timedelta(seconds=max((need.expires_s for need in wanted), default=0))


def expire(site: Site) -> list[str]:
    """Ends every change whose time to be approved is over. Returns their ids."""
    now = site.clock.now()
    with site.database.read() as connection:
        waiting = store.in_states(connection, [State.WAITING])
    if not any(_is_over(change, now) for change in waiting):
        return []
    with site.database.write() as connection:
        over = []
        for change in store.in_states(connection, [State.WAITING]):
            # an earlier step of its plan may have taken it along just now
            if not _is_over(change, now) or store.get(connection, change.id).state is not State.WAITING:
                continue
            over.append(change)
            end_unstarted(connection, change, State.EXPIRED, now)
            data = {"because": "Nobody approved it in time."}
            ledger.append(connection, "expired", "gate", data, now=now, change_id=change.id)
    return [change.id for change in over]


def ask_again(site: Site) -> list[str]:
    """Makes ready what waited for a window that is open by now, for a limit in which time has made room, or for hosts.

    Hosts are free as well when whoever waited for them longer was withdrawn, or waits for something else by now. It is
    decided again when it starts.
    """
    now = site.clock.now()
    with site.database.read() as connection:
        if not any(_may_go(connection, change, now) for change in store.in_states(connection, [State.WAITING])):
            return []
    with site.database.write() as connection:
        due = [change for change in store.in_states(connection, [State.WAITING]) if _may_go(connection, change, now)]
        for change in due:
            store.move(connection, change, State.READY, now=now)
            if kind := _KINDS.get(change.waiting_for):
                ledger.append(connection, kind, "gate", {}, now=now, change_id=change.id)
    return [change.id for change in due]


def _may_go(connection: Connection, change: Change, now: datetime) -> bool:
    match change.waiting_for:
        case WaitingFor.HOLD:
            return not holds.blockers(connection, change)
        case WaitingFor.WINDOW:
            opens_at = Decision.from_json(change.decision).opens_at
            return opens_at is None or now >= opens_at
        case WaitingFor.LIMIT:
            frees_at = Decision.from_json(change.decision).frees_at
            return frees_at is not None and now >= frees_at
        case _:
            return False


def _is_over(change: Change, now: datetime) -> bool:
    return change.waiting_for is WaitingFor.APPROVAL and now >= expires_at(change)
