"""The kill switch: nothing starts any more, and what runs is cancelled; until a person says that it may go on.

It is a row in the database, which every start asks for in the transaction that decides. Cancelling goes its usual way:
what a change did is taken back where its action says so, unless the halt is by force.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gate.changes import halt as halts
from gate.changes import store
from gate.changes.halt import Halt
from gate.changes.model import Change, State
from gate.flow import runs
from gate.flow.cancel import Stopped, ask_to_stop, stopped, takes_back
from gate.flow.finish import sign_head
from gate.flow.ports import Site
from gate.flow.reason import check_reason
from gate.ledger import store as ledger
from gate.values.actor import Actor, ActorKind
from gate.values.clock import from_stamp
from gate.values.errors import IdentityError, StateError


@dataclass(frozen=True, slots=True, kw_only=True)
class Standstill:
    """How a halt goes: each change that it stops, with its runs. `after_s`: when the last run was closed."""

    changes: Sequence[tuple[Change, Sequence[Stopped]]]
    after_s: float | None  # None: something still runs


def halt(site: Site, actor: Actor, *, reason: str, force: bool = False) -> list[str]:
    """Stops dispatch at once and cancels what runs. Returns the ids of the changes that were asked to stop.

    It is harmless while a halt stands already; with `force` it then also stops what takes something back.

    Raises:
        IdentityError: the actor is no human.
        IntentError: the reason is no line of text.
    """
    _check_human(actor, "halt this site")
    check_reason(reason)
    with site.database.write() as connection:
        now = site.clock.now()
        before = halts.standing(connection)
        force = force or (before is not None and before.force)
        going = [change for change in _going(connection) if force or not takes_back(connection, change)]
        halts.put(connection, Halt(at=now, actor=str(actor), reason=reason, force=force))
        data = {"reason": reason, "force": force, "stops": [change.id for change in going]}
        ledger.append(connection, "halted", str(actor), data, now=now)
        for change in going:
            ask_to_stop(site, connection, change, str(actor), f"halt: {reason}", now, force=force)
        runs.stop_previews(site, connection)
    sign_head(site)
    return [change.id for change in going]


def resume(site: Site, actor: Actor, *, reason: str) -> Halt:
    """Lets things start again; returns the halt that stood.

    Raises:
        IdentityError: the actor is no human.
        StateError: there is no halt.
    """
    _check_human(actor, "let things start again")
    check_reason(reason)
    with site.database.write() as connection:
        stood = halts.standing(connection)
        if stood is None:
            raise StateError("There is no halt.", "Whatever may start does.", "gate changes list shows what there is.")
        halts.lift(connection)
        ledger.append(connection, "resumed", str(actor), {"reason": reason}, now=site.clock.now())
    sign_head(site)
    site.wake()
    return stood


def standstill(site: Site, ids: Sequence[str]) -> Standstill:
    """How far the changes of a halt have come to a stand."""
    with site.database.read() as connection:
        since = halts.standing(connection)
        found = [(store.get(connection, one), ledger.of_change(connection, one)) for one in ids]
    told = [(change, stopped(story)) for change, story in found]
    ends = [from_stamp(entry.at) for _, story in found for entry in story if entry.kind == "run"]
    going = any(one.after_s is None for _, stops in told for one in stops)
    later = [end for end in ends if since is None or end >= since.at]
    after = 0.0 if since is None or not later else (max(later) - since.at).total_seconds()
    return Standstill(changes=told, after_s=None if going else after)


def _going(connection: Connection) -> list[Change]:
    """What has begun and is not at rest; an original that another change takes back has nothing that runs."""
    found = store.in_states(connection, [State.RUNNING, State.UNDOING])
    by_others = {change.undo_of for change in found if change.undo_of}
    return [change for change in found if change.id not in by_others]


def _check_human(actor: Actor, what: str) -> None:
    if actor.kind is not ActorKind.HUMAN:
        raise IdentityError(f"{actor} cannot {what}.", "That is for people.", "Ask an operator.")
