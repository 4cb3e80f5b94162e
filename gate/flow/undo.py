"""Taking back, by the front door: an undo is a change of its own, decided, approved and logged like any other."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gate.catalog.action import Action
from gate.catalog.admit import Admitted, admit
from gate.changes import store
from gate.changes.model import AT_REST, Change, State
from gate.flow import runs
from gate.flow.ports import Site
from gate.flow.submit import enter, refuse
from gate.intent import Intent
from gate.inventory.model import Inventory
from gate.ledger import store as ledger
from gate.undo.eligibility import check_undoable
from gate.undo.past import Past
from gate.values.actor import Actor
from gate.values.errors import UndoError


def undo(
    site: Site,
    change_id: str,
    actor: Actor,
    *,
    hosts: Collection[str] = (),
    reason: str = "",
    key: str | None = None,
) -> Change:
    """Proposes to undo a change, on `hosts` alone if any are named. Returns the new change, decided.

    It restores from the evidence of the old one.

    Raises:
        UndoError: undone already, stale, too old, irreversible, or nothing was recorded.
        NotFoundError: no such change.
    """
    now = site.clock.now()
    inventory = site.inventory()
    try:
        with site.database.read() as connection:
            part, _action = undoable(site, connection, change_id, hosts, now)
    except UndoError as refused:
        refuse(site, actor, refused, {"undo_of": change_id})
        raise
    admitted = admit_undo(site, inventory, part, reason)
    made = enter(site, admitted, inventory.digest, actor, key=key, now=now, undo_of=part.change.id)
    site.wake()
    return made


def undoable(
    site: Site, connection: Connection, change_id: str, hosts: Collection[str], now: datetime
) -> tuple[Past, Action]:
    """The part of a change that is to be taken back, and its action.

    Raises:
        UndoError: it cannot be undone.
        NotFoundError: no such change.
    """
    original = store.get(connection, change_id)
    check_is_no_undo(original)
    action = site.catalog().get(original.intent.action)
    part = _part(past_of(connection, original), hosts)
    _check_undoable(connection, part, action, now)
    check_none_on_its_way(connection, part)
    return part, action


def admit_undo(site: Site, inventory: Inventory, part: Past, reason: str) -> Admitted:
    """The intent of an undo, on the hosts of this part of a change.

    Raises:
        IntentError, InventoryError, CatalogError: it cannot be asked for any more.
    """
    change, wish = part.change, part.change.intent
    targets = list(wish.targets) if part.hosts == frozenset(change.hosts) else sorted(part.hosts)
    intent = Intent.of(wish.action, targets, dict(wish.parameters), reason or f"Undo of {change.id}.")
    return admit(intent, site.catalog(), inventory)


def past_of(connection: Connection, change: Change) -> Past:
    """A change with its evidence, as far as it was not taken back."""
    taken_back = {
        host
        for undo_of_it in store.undos_of(connection, change.id)
        if undo_of_it.state is State.SUCCEEDED
        for host in undo_of_it.hosts
    }
    return Past.of(change, runs.evidence_of(connection, change.undo_of or change.id), taken_back)


def check_original(connection: Connection, change: Change, action: Action, now: datetime) -> dict[str, Any]:
    """Asks again, at the start of an undo, whether the original can be undone. Returns the evidence."""
    original = past_of(connection, store.get(connection, str(change.undo_of)))
    part = original.on(change.hosts)
    _check_undoable(connection, part, action, now)
    return dict(part.evidence)


def take_original(connection: Connection, change: Change, now: datetime) -> None:
    """Marks the original as being undone by `change`."""
    original = store.get(connection, str(change.undo_of))
    store.move(connection, original, State.UNDOING, now=now)
    ledger.append(connection, "undoing", str(change.actor), {"by": change.id}, now=now, change_id=original.id)


def _part(past: Past, hosts: Collection[str]) -> Past:
    """What is to be taken back: all that still stands, or the part on these hosts."""
    if not hosts:
        return past
    if strange := sorted(set(hosts) - past.hosts):
        raise UndoError(
            f"Change {past.change.id} cannot be undone on {', '.join(strange)}.",
            "It was never made there, or it was taken back there already.",
            f"It stands on {', '.join(sorted(past.hosts)) or 'no host any more'}.",
        )
    return past.on(hosts)


def _check_undoable(connection: Connection, part: Past, action: Action, now: datetime) -> None:
    check_undoable(
        part,
        later=[past_of(connection, one) for one in store.later_on(connection, part.change)],
        reversibility=action.reversibility,
        window=action.undo_window,
        now=now,
    )


def check_is_no_undo(original: Change) -> None:
    """Raises UndoError for an undo: it records no evidence."""
    if original.undo_of is None:
        return
    raise UndoError(
        f"Change {original.id} is an undo itself.",
        f"It took back {original.undo_of}; an undo records no evidence of its own.",
        f"To have it again: gate redo {original.undo_of}",
    )


def check_none_on_its_way(connection: Connection, part: Past) -> None:
    """Raises UndoError if an undo of one of these hosts is not at rest, or its outcome is unknown."""
    for other in store.undos_of(connection, part.change.id):
        under_way = other.state not in AT_REST or other.state is State.UNKNOWN
        if under_way and part.hosts & frozenset(other.hosts):
            raise UndoError(
                f"Change {part.change.id} is being undone already.",
                f"{other.id} is {other.state.value}.",
                f"gate changes show {other.id} tells how far it is.",
            )
