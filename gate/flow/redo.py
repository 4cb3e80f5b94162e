"""Once more, what was taken back: the same wish as a new change, decided and carried out like any other."""

from __future__ import annotations

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
        hosts = set(original.hosts) - past_of(connection, original).hosts
    if original.state is not State.UNDONE and not hosts:
        raise UndoError(
            f"Change {original.id} was not taken back, so it cannot be done again.",
            f"It is {original.state.value}.",
            f"gate changes show {original.id} tells its story; a new wish is made with gate propose.",
        )
    wish = original.intent
    everywhere = original.state is State.UNDONE
    targets = list(wish.targets) if everywhere else sorted(hosts)
    again = Intent.of(wish.action, targets, dict(wish.parameters), reason or f"Redo of {original.id}.")
    return propose(site, again, actor, key=key)
