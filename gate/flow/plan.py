"""Several wishes in order: decided step by step and as a whole, in one transaction; one denial denies them all.

A step starts when the steps that it comes after have succeeded; if one of them does not, the rest is withdrawn. No
value of one step is ever put into another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection

from gate.catalog.admit import Admitted, admit
from gate.changes import plans, store
from gate.changes.model import Change, State
from gate.flow.ports import Site
from gate.flow.submit import add, refuse
from gate.intent import Intent
from gate.intent.wire import check_key
from gate.ledger import store as ledger
from gate.values.actor import Actor
from gate.values.errors import GateError, IntentError, StateError
from gate.values.ids import new_id

MAX_STEPS = 8
_Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}\z")]


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")  # the intent inside is parsed strictly, by its own room

    id: _Id
    intent: dict[str, Any]
    after: list[_Id] = []


def propose_plan(
    site: Site, wish: Sequence[Mapping[str, Any]], actor: Actor, *, key: str | None = None
) -> list[Change]:
    """Proposes steps `{"id", "intent", "after"}`; returns their changes, decided, in the order given.

    The same `key` makes one plan, however often it is sent.

    Raises:
        IntentError, UnknownActionError, InventoryError: a step cannot even be asked, so none is.
    """
    inventory = site.inventory()
    try:
        if key is not None:
            check_key(key)
        steps = _read(wish)
        admitted = [admit(Intent.parse(step.intent), site.catalog(), inventory) for step in steps]
    except GateError as refused:
        refuse(site, actor, refused, wish)
        raise
    now = site.clock.now()
    with site.database.write() as connection:
        if key is not None and (known := _known(connection, actor, key, steps)):
            return known
        changes = _add_all(site, connection, steps, admitted, inventory.digest, actor, key, now)
        if any(change.state is State.DENIED for change in changes):
            changes = deny_rest(connection, changes, now)
    site.wake()
    return changes


def _add_all(
    site: Site,
    connection: Connection,
    steps: Sequence[_Step],
    admitted: Sequence[Admitted],
    inventory_digest: str,
    actor: Actor,
    key: str | None,
    now: datetime,
) -> list[Change]:
    plan_id = new_id("pln", now)
    ids: dict[str, str] = {}
    changes = []
    for number, (step, wish) in enumerate(zip(steps, admitted, strict=True)):
        at = now + timedelta(milliseconds=number)  # ids sort by time, and steps keep their order
        change = add(site, connection, wish, inventory_digest, actor, key=_key(key, step), now=at)
        after = tuple(ids[name] for name in step.after)
        plans.add(connection, plans.Step(change_id=change.id, plan_id=plan_id, step=step.id, after=after))
        data = {"plan": plan_id, "step": step.id, "after": list(after)}
        ledger.append(connection, "planned", str(actor), data, now=at, change_id=change.id)
        ids[step.id] = change.id
        changes.append(change)
    return changes


def _known(connection: Connection, actor: Actor, key: str, steps: Sequence[_Step]) -> list[Change]:
    found = [store.by_key(connection, actor, f"{key}-{step.id}") for step in steps]
    known = [change for change in found if change is not None]
    if known and [change.intent for change in known] != [Intent.parse(step.intent) for step in steps]:
        raise StateError(
            f"The request key {key[:40]!r} was used for another plan.",
            f"It made {known[0].id}.",
            "Use a new key for a new plan.",
        )
    return known


def _key(key: str | None, step: _Step) -> str | None:
    return None if key is None else f"{key}-{step.id}"


def deny_rest(connection: Connection, changes: Sequence[Change], now: datetime) -> list[Change]:
    """Denies what is left of a plan of which a step is denied; returns all of it as it is now."""
    denied = [change.id for change in changes if change.state is State.DENIED]
    for change in changes:
        if change.state is not State.DENIED:
            data = {"state": "denied", "why": f"The plan is denied as a whole, because of {', '.join(denied)}."}
            ledger.append(connection, "not-started", "gate", data, now=now, change_id=change.id)
            store.move(connection, change, State.DENIED, now=now)
    return [store.get(connection, change.id) for change in changes]


def _read(wish: Sequence[Mapping[str, Any]]) -> list[_Step]:
    if not isinstance(wish, list | tuple) or not 1 <= len(wish) <= MAX_STEPS:
        raise _wrong(f"It is no list of 1 to {MAX_STEPS} steps")
    try:
        steps = [_Step.model_validate(step) for step in wish]
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise _wrong(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
    seen: set[str] = set()
    for step in steps:
        if step.id in seen or not set(step.after) <= seen:
            raise _wrong(f"Step {step.id!r} is there twice, or comes after a step that is not before it")
        seen.add(step.id)
    return steps


def _wrong(why: str) -> IntentError:
    return IntentError(
        "The plan is not well-formed.", f"{why}.", 'Send [{"id": "s1", "intent": {...}, "after": []}, ...], in order.'
    )
