"""A wish comes in. It is typed, resolved to hosts, decided and written down, all before anything can happen."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gate.catalog.admit import Admitted, admit
from gate.changes import store
from gate.changes.model import Change, State, WaitingFor
from gate.flow.decide import bind, decide
from gate.flow.history import described
from gate.flow.ports import Site
from gate.intent import Intent
from gate.intent.wire import check_key
from gate.ledger import store as ledger
from gate.policy.decision import Decision, Verdict
from gate.values.actor import Actor
from gate.values.canonical import digest_bytes
from gate.values.errors import GateError, StateError
from gate.values.ids import new_id
from gate.values.keys import sealing_key


def propose(site: Site, wish: Intent | Mapping[str, Any], actor: Actor, *, key: str | None = None) -> Change:
    """Proposes a wish as `actor`; returns the decided change. The same `key` makes one change.

    `wish` is an intent, or untrusted JSON data that should be one. A denial is a change too, in state `denied`.

    Raises:
        IntentError, UnknownActionError, InventoryError: it cannot even be asked; the refusal is on the ledger.
        StateError: the key was used for another intent.
    """
    now = site.clock.now()
    inventory = site.inventory()
    try:
        if key is not None:
            check_key(key)
        # an intent can be made around its checks, so one is checked as anything else
        intent = Intent.parse(dict(wish) if isinstance(wish, Intent) else wish)
        admitted = admit(intent, site.catalog(), inventory)
    except GateError as refused:
        refuse(site, actor, refused, wish)
        raise
    change = enter(site, admitted, inventory.digest, actor, key=key, now=now)
    site.wake()
    return change


def enter(
    site: Site,
    admitted: Admitted,
    inventory_digest: str,
    actor: Actor,
    *,
    key: str | None,
    now: datetime,
    undo_of: str | None = None,
) -> Change:
    """Decides and stores, in one transaction, so that two wishes cannot both be the last one within a limit."""
    with site.database.write() as connection:
        if key is not None and (known := store.by_key(connection, actor, key)) is not None:
            return _same(known, admitted.intent, key)
        return add(site, connection, admitted, inventory_digest, actor, key=key, now=now, undo_of=undo_of)


def add(
    site: Site,
    connection: Connection,
    admitted: Admitted,
    inventory_digest: str,
    actor: Actor,
    *,
    key: str | None,
    now: datetime,
    undo_of: str | None = None,
) -> Change:
    """Decides, stores and records one change, in the caller's transaction."""
    decision = decide(site, connection, admitted, actor, undo=undo_of is not None, now=now)
    state, waiting_for = first_state(decision)
    change = Change(
        id=new_id("chg", now),
        state=state,
        waiting_for=waiting_for,
        actor=actor,
        intent=admitted.intent,
        parameters=admitted.parameters,
        hosts=tuple(host.name for host in admitted.hosts),
        action_digest=admitted.action.digest,
        decision=decision.as_json(),
        binding=bind(admitted, inventory_digest, decision.generation, None),
        preview=None,
        undo_of=undo_of,
        request_key=key,
        executor=None,
        created_at=now,
        updated_at=now,
    )
    store.add(connection, change, described(admitted.hosts))
    _record(connection, change, admitted, now)
    return change


def first_state(decision: Decision) -> tuple[State, WaitingFor | None]:
    """Where a decision leads."""
    match decision.verdict:
        case Verdict.ALLOW if decision.opens_at is not None:
            return State.WAITING, WaitingFor.WINDOW
        case Verdict.ALLOW:
            return State.READY, None
        case Verdict.NEEDS_APPROVAL:
            return State.WAITING, WaitingFor.APPROVAL
        case _:
            return State.DENIED, None


def refuse(site: Site, actor: Actor, refused: GateError, wish: Any) -> None:
    """Writes down that something could not even be asked; of the wish itself only its digest is kept.

    The digest is keyed: what was refused can be a secret, and a short one could be guessed from a plain digest.
    """
    key = sealing_key(site.state / "keys", "evidence")
    about = "hmac-" + digest_bytes(hmac.digest(key, repr(wish).encode(errors="replace"), "sha256"))
    with site.database.write() as connection:
        data = {"code": refused.code, "what": refused.what[:500], "wish": about}
        ledger.append(connection, "refused", str(actor), data, now=site.clock.now())


def _same(known: Change, intent: Intent, key: str) -> Change:
    if known.intent == intent:
        return known
    raise StateError(
        f"The request key {key[:40]!r} was used for another intent.",
        f"It made {known.id}.",
        "Use a new key for a new intent.",
    )


def _record(connection: Connection, change: Change, admitted: Admitted, now: datetime) -> None:
    about = {
        "intent": change.intent.as_json(),
        "parameters": dict(change.parameters),
        "hosts": list(change.hosts),
        # the rules are told more than they ask for; other rules may ask for it when they decide this again
        "where": {host.name: {"groups": sorted(host.groups), "tags": sorted(host.tags)} for host in admitted.hosts},
        "timeout_s": admitted.action.timeout_s,
        "action_digest": change.action_digest,
        "undo_of": change.undo_of,
    }
    decided = {"decision": dict(change.decision), "binding": change.binding, "state": change.state.value}
    said: list[tuple[str, str, dict[str, Any]]] = [("proposed", str(change.actor), about), ("decided", "gate", decided)]
    ledger.append_all(connection, said, now=now, change_id=change.id)
