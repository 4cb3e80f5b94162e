"""An operator looked at the machines and says what happened where the gate could not know."""

from __future__ import annotations

from gate.changes import store
from gate.changes.model import Change, State
from gate.flow.finish import go_on_with_plan, let_go, settle_original, sign_head
from gate.flow.ports import Site
from gate.flow.reason import check_reason
from gate.ledger import store as ledger
from gate.values.actor import Actor, ActorKind
from gate.values.errors import IdentityError, StateError

SETTLED_AS = (State.SUCCEEDED, State.FAILED, State.UNDONE)


def settle(site: Site, change_id: str, actor: Actor, *, state: State, reason: str) -> Change:
    """Moves an unknown change to what `actor` found, and gives its hosts back.

    Raises:
        IdentityError: the actor is no human.
        StateError: the change is not unknown, or the state is not one of `SETTLED_AS`.
        IntentError: the reason is no line of text.
    """
    check_reason(reason)
    if actor.kind is not ActorKind.HUMAN:
        raise IdentityError(f"{actor} cannot settle a change.", "A person has to look.", "Ask an operator.")
    now = site.clock.now()
    with site.database.write() as connection:
        change = store.get(connection, change_id)
        if change.state is not State.UNKNOWN or state not in SETTLED_AS:
            raise StateError(
                f"Change {change.id} cannot be settled as {state.value}.",
                f"It is {change.state.value}; only what is unknown is settled, as succeeded, failed or undone.",
                f"gate changes show {change.id} tells its story.",
            )
        settled = store.move(connection, change, state, now=now)
        data = {"as": state.value, "reason": reason}
        ledger.append(connection, "settled", str(actor), data, now=now, change_id=change.id)
        settle_original(connection, settled, now)
        let_go(connection, settled, now)
        go_on_with_plan(connection, settled, now)
    sign_head(site)
    site.wake()
    return settled
