"""Taking many changes back as one plan, newest first: what somebody did since a time, or a change and all upon it.

What cannot be taken back is named, host by host; the rest is proposed in one transaction and decided step by step. A
step starts when the undos of what came later on the same things have succeeded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from gate.changes import plans, store
from gate.changes.model import Change, State
from gate.flow.plan import deny_rest
from gate.flow.ports import Site
from gate.flow.submit import add
from gate.flow.undo import admit_undo, check_is_no_undo, check_none_on_its_way, past_of
from gate.inventory.model import Inventory
from gate.ledger import store as ledger
from gate.undo.eligibility import UNDOABLE, check_undoable
from gate.undo.past import Past
from gate.undo.radius import Radius, Step, radius
from gate.values.actor import Actor
from gate.values.errors import GateError, UndoError
from gate.values.ids import new_id

MOST = 500  # changes in one plan


@dataclass(frozen=True, slots=True)
class Undone:
    """What was found, and the changes that were proposed of it, newest first; none if it was only looked at."""

    radius: Radius
    changes: tuple[Change, ...]


def made_by(site: Site, actor: Actor, since: datetime) -> list[str]:
    """The ids of what an actor has done since a time and can be taken back or not: all that was carried out."""
    with site.database.read() as connection:
        return [
            one.id
            for one in store.since(connection, since)
            if one.actor == actor and one.undo_of is None and one.state in UNDOABLE | {State.UNKNOWN}
        ]


def undo_many(
    site: Site,
    wanted: Collection[str],
    actor: Actor,
    *,
    hosts: Collection[str] = (),
    cascade: bool = False,
    reason: str = "",
    look: bool = False,
) -> Undone:
    """Proposes to take the `wanted` changes back, on `hosts` alone if any are named; with `look` only says what it is.

    Raises:
        UndoError: too many, or nothing of it can be taken back.
        NotFoundError: no such change.
    """
    inventory, now = site.inventory(), site.clock.now()
    if len(wanted) > MOST:
        raise UndoError(
            f"{len(wanted)} changes are too many to take back at once.", f"{MOST} are the most.", "Name a later time."
        )
    if look:
        with site.database.read() as connection:
            return Undone(survey(site, connection, inventory, wanted, hosts, now, cascade=cascade)[0], ())
    with site.database.write() as connection:
        found, past = survey(site, connection, inventory, wanted, hosts, now, cascade=cascade)
        if not found.steps:
            raise _nothing(found)
        changes = propose_undos(site, connection, inventory, found.steps, past, actor, reason, now)
    site.wake()
    return Undone(found, tuple(changes))


def survey(
    site: Site,
    connection: Connection,
    inventory: Inventory,
    wanted: Collection[str],
    hosts: Collection[str],
    now: datetime,
    *,
    cascade: bool,
) -> tuple[Radius, Mapping[str, Past]]:
    """What of `wanted` can be taken back and how; and what is known of each change that has to do with it."""
    chosen = [store.get(connection, name) for name in wanted]
    if not chosen:
        return Radius((), ()), {}
    everywhere = {host for one in chosen for host in one.hosts}
    since = store.carried_out_on(connection, everywhere, [one.id for one in chosen])
    past = [past_of(connection, one) for one in since]
    if hosts:
        past = [one.on(hosts) for one in past]
    why_not = {one.change.id: why for one in past if (why := _why_not(site, connection, inventory, one, now))}
    found = radius(past, [one.id for one in chosen], why_not=why_not, cascade=cascade)
    return found, {one.change.id: one for one in past}


def _why_not(site: Site, connection: Connection, inventory: Inventory, past: Past, now: datetime) -> str:
    """Why a change cannot be taken back, whatever came later; empty if it can."""
    try:
        check_is_no_undo(past.change)
        action = site.catalog().get(past.change.intent.action)
        check_undoable(past, later=(), reversibility=action.reversibility, window=action.undo_window, now=now)
        check_none_on_its_way(connection, past)
        admit_undo(site, inventory, past, "")
    except GateError as refused:
        return f"{refused.what} {refused.why}"
    return ""


def propose_undos(
    site: Site,
    connection: Connection,
    inventory: Inventory,
    steps: Sequence[Step],
    past: Mapping[str, Past],
    actor: Actor,
    reason: str,
    now: datetime,
) -> list[Change]:
    """Proposes the undos of `steps` as one plan; returns them decided. One denial denies them all."""
    plan_id = new_id("pln", now)
    ids: dict[str, str] = {}
    made = []
    for number, step in enumerate(steps):
        at = now + timedelta(milliseconds=number)  # ids sort by time, and steps keep their order
        admitted = admit_undo(site, inventory, past[step.change_id].on(step.hosts), reason)
        change = add(site, connection, admitted, inventory.digest, actor, key=None, now=at, undo_of=step.change_id)
        after = tuple(ids[name] for name in step.after)
        name = f"s{number + 1}"
        plans.add(connection, plans.Step(change_id=change.id, plan_id=plan_id, step=name, after=after))
        data: dict[str, Any] = {"plan": plan_id, "step": name, "after": list(after)}
        ledger.append(connection, "planned", str(actor), data, now=at, change_id=change.id)
        ids[step.change_id] = change.id
        made.append(change)
    return deny_rest(connection, made, now) if any(one.state is State.DENIED for one in made) else made


def _nothing(found: Radius) -> UndoError:
    first = [f"{one.change_id} on {one.host}: {one.why}{f', by {one.by}' if one.by else ''}" for one in found.conflicts]
    return UndoError(
        "Nothing of it can be taken back.",
        f"{'; '.join(first[:5]) or 'Nothing was carried out'}.",
        "gate undo --cascade takes what is in the way back too; --check shows what it would be.",
    )
