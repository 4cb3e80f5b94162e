"""A change comes to rest: its state, its holds, what it undid, who waited for it, and a signed checkpoint."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gate.changes import compensations, holds, plans, store
from gate.changes.model import Change, State, WaitingFor
from gate.flow.ports import Site
from gate.ledger import store as ledger
from gate.undo import evidence


def come_to_rest(connection: Connection, change: Change, state: State, now: datetime) -> Change:
    """Moves a change that ran to `state`. Holds are given back unless what happened is unknown."""
    rested = store.move(connection, change, state, now=now)
    ledger.append(connection, state.value, "gate", {}, now=now, change_id=change.id)
    if state is not State.UNKNOWN:
        settle_original(connection, rested, now)
        let_go(connection, rested, now)
        go_on_with_plan(connection, rested, now)
    return rested


def sign_head(site: Site) -> None:
    """Signs the head of the ledger. After the commit: a checkpoint must never promise what was rolled back."""
    with site.database.read() as connection:
        site.notes.checkpoint(connection, site.ledger_key)


def let_go(connection: Connection, change: Change, now: datetime) -> None:
    """Releases the holds of a change, and makes ready whoever waited for one of its hosts, or for room in a limit."""
    holds.release(connection, change.id)
    for other in store.in_states(connection, [State.WAITING]):
        waits_for_host = other.waiting_for is WaitingFor.HOLD and set(other.hosts) & set(change.hosts)
        if waits_for_host or other.waiting_for is WaitingFor.LIMIT:  # it is decided again when it starts
            store.move(connection, other, State.READY, now=now)


def end_unstarted(connection: Connection, change: Change, state: State, now: datetime, **values: Any) -> Change:
    """Moves a change that will never start to `state`, and withdraws what comes after it in its plan."""
    ended = store.move(connection, change, state, now=now, **values)
    go_on_with_plan(connection, ended, now)
    return ended


def go_on_with_plan(connection: Connection, change: Change, now: datetime) -> None:
    """Makes ready what waited for this step of its plan.

    If the step did not succeed, what comes after it is withdrawn, and what the plan has finished is to be taken back.
    """
    if change.state is not State.SUCCEEDED:
        compensations.want(connection, change.id, now)
    for one in plans.followers(connection, change):
        follower = store.get(connection, one.id)  # by another way it may have been withdrawn just now
        if follower.state not in {State.WAITING, State.READY}:
            continue
        if change.state is State.SUCCEEDED:
            if follower.waiting_for is WaitingFor.PLAN:
                store.move(connection, follower, State.READY, now=now)
        else:
            data = {"because": f"{change.id}, which it comes after, is {change.state.value}."}
            ledger.append(connection, "withdrawn", "gate", data, now=now, change_id=follower.id)
            end_unstarted(connection, follower, State.WITHDRAWN, now)


def settle_original(connection: Connection, undo: Change, now: datetime) -> None:
    """Carries the end of an undo over to the change that it was to undo."""
    if undo.undo_of is None:
        return
    original = store.get(connection, undo.undo_of)
    if original.state is not State.UNDOING:
        return
    state = _after_undo(connection, original, undo)
    store.move(connection, original, state, now=now)
    about = {"by": undo.id, "on": list(undo.hosts)}
    ledger.append(connection, state.value, "gate", about, now=now, change_id=original.id)


def _after_undo(connection: Connection, original: Change, undo: Change) -> State:
    """Where an undo leaves its original: as it was before, if it still stands on some of its hosts."""
    if undo.state is not State.SUCCEEDED:
        return State.UNDO_FAILED
    undone = {
        host for one in store.undos_of(connection, original.id) if one.state is State.SUCCEEDED for host in one.hosts
    }
    recorded = {entry.data["host"] for entry in ledger.of_change(connection, original.id, evidence.KIND)}
    if recorded <= undone:
        return State.UNDONE
    ends = ledger.of_change(connection, original.id, State.SUCCEEDED.value, State.FAILED.value)
    return State(ends[-1].kind) if ends else State.SUCCEEDED
