"""Once more, what was taken back: the same wish as a new change, decided and carried out like any other."""

from __future__ import annotations

from sqlalchemy import Connection

from gate.changes import store
from gate.changes.model import Change, State
from gate.flow.ports import Site
from gate.flow.submit import propose
from gate.flow.undo import past_of
from gate.intent import Intent
from gate.values.actor import Actor
from gate.values.errors import UndoError


def redo(site: Site, change_id: str, actor: Actor, *, reason: str = "", key: str | None = None) -> Change:
    """Proposes what a change did once more, where it was taken back. Of an undo, what it took back is meant.

    Raises:
        UndoError: nothing of it was taken back.
        NotFoundError: no such change.
        IntentError, UnknownActionError, InventoryError: it cannot be asked for any more.
    """
    with site.database.read() as connection:
        change = store.get(connection, change_id)
        original = store.get(connection, change.undo_of) if change.undo_of else change
        hosts = _taken_back(connection, change, original)
    if not hosts:
        raise UndoError(
            f"Change {original.id} was not taken back, so it cannot be done again.",
            f"It is {original.state.value}.",
            f"gate changes show {original.id} tells its story; a new wish is made with gate propose.",
        )
    wish = original.intent
    again = Intent.of(wish.action, sorted(hosts), dict(wish.parameters), reason or f"Redo of {original.id}.")
    return propose(site, again, actor, key=key)


def _taken_back(connection: Connection, change: Change, original: Change) -> frozenset[str]:
    """The hosts on which an undo took `original` back: this one, if `change` is one."""
    if change.undo_of is not None:
        return frozenset(change.hosts) if change.state is State.SUCCEEDED else frozenset()
    by_undos = frozenset(original.hosts) - past_of(connection, original).hosts
    # without any undo it was taken back by itself
    return by_undos or (frozenset(original.hosts) if original.state is State.UNDONE else frozenset())
