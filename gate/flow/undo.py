"""Taking back, by the front door: an undo is a change of its own, decided, approved and logged like any other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gate.catalog.action import Action
from gate.catalog.admit import admit
from gate.changes import store
from gate.changes.model import Change, State
from gate.flow import runs
from gate.flow.ports import Site
from gate.flow.submit import enter, refuse
from gate.intent import Intent
from gate.ledger import store as ledger
from gate.undo.eligibility import check_undoable
from gate.values.actor import Actor
from gate.values.errors import UndoError


def undo(site: Site, change_id: str, actor: Actor, *, reason: str = "", key: str | None = None) -> Change:
    """Proposes to undo a change. Returns the new change, decided; it restores from the evidence of the old one.

    Raises:
        UndoError: undone already, stale, too old, irreversible, or nothing was recorded.
        NotFoundError: no such change.
    """
    now = site.clock.now()
    inventory = site.inventory()
    try:
        with site.database.read() as connection:
            original = store.get(connection, change_id)
            _check_is_no_undo(original)
            action = site.catalog().get(original.intent.action)
            _check_undoable(connection, original, action, now)
            _check_none_on_its_way(connection, original)
    except UndoError as refused:
        refuse(site, actor, refused, {"undo_of": change_id})
        raise
    wish = original.intent
    intent = Intent.of(wish.action, list(wish.targets), dict(wish.parameters), reason or f"Undo of {original.id}.")
    admitted = admit(intent, site.catalog(), inventory)
    made = enter(site, admitted, inventory.digest, actor, key=key, now=now, undo_of=original.id)
    site.wake()
    return made


def check_original(connection: Connection, change: Change, action: Action, now: datetime) -> dict[str, Any]:
    """Asks again, at the start of an undo, whether the original can be undone. Returns the evidence."""
    original = store.get(connection, str(change.undo_of))
    return _check_undoable(connection, original, action, now)


def take_original(connection: Connection, change: Change, now: datetime) -> None:
    """Marks the original as being undone by `change`."""
    original = store.get(connection, str(change.undo_of))
    store.move(connection, original, State.UNDOING, now=now)
    ledger.append(connection, "undoing", str(change.actor), {"by": change.id}, now=now, change_id=original.id)


def _check_undoable(connection: Connection, original: Change, action: Action, now: datetime) -> dict[str, Any]:
    evidence = runs.evidence_of(connection, original.id)
    later = [(one, runs.evidence_of(connection, one.id)) for one in store.later_on(connection, original)]
    check_undoable(
        original,
        evidence=evidence,
        later=later,
        reversibility=action.reversibility,
        window=action.undo_window,
        now=now,
    )
    return evidence


def _check_is_no_undo(original: Change) -> None:
    if original.undo_of is None:
        return
    raise UndoError(
        f"Change {original.id} is an undo itself.",
        f"It took back {original.undo_of}; an undo records no evidence of its own.",
        f"To have it again, propose the action of {original.undo_of} once more.",
    )


def _check_none_on_its_way(connection: Connection, original: Change) -> None:
    for other in store.undos_of(connection, original.id):
        if other.state in {State.WAITING, State.READY, State.RUNNING, State.UNKNOWN}:
            raise UndoError(
                f"Change {original.id} is being undone already.",
                f"{other.id} is {other.state.value}.",
                f"gate changes show {other.id} tells how far it is.",
            )
