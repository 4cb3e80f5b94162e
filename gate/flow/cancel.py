"""Somebody changes their mind: what has not begun is withdrawn; what runs is stopped and comes to rest as any other.

What a stopped change already did is known from its evidence, and is undone where the action says so; nothing else of
it is started. A run that takes something back is left alone unless it is forced to stop: half taken back is worst.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gate.changes import store
from gate.changes.model import Change, State
from gate.flow import runs
from gate.flow.finish import end_unstarted
from gate.flow.ports import Site
from gate.flow.reason import check_reason
from gate.ledger import store as ledger
from gate.ledger.entry import Entry
from gate.values.actor import Actor, ActorKind
from gate.values.clock import from_stamp
from gate.values.errors import IdentityError, StateError
from gate.warrant.model import Phase

KIND = "cancel-requested"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A run that somebody asked to stop: `after_s` seconds later it was closed; None as long as it is not."""

    run: str
    phase: str
    after_s: float | None

    def as_json(self) -> dict[str, Any]:
        return {"run": self.run, "phase": self.phase, "after_s": self.after_s}


def cancel(site: Site, change_id: str, actor: Actor, *, reason: str = "", force: bool = False) -> Change:
    """Withdraws a change that has not begun, or asks the run of one that has to stop; returns it as it is then.

    Who asked for the change may, and people who operate: that their credential says so is the door's to check. It is
    harmless to ask twice. `force` also stops a run that takes something back, and starts none.

    Raises:
        IdentityError: the actor may not.
        IntentError: the reason is no line of text.
        StateError: the change is at rest, or is being taken back.
    """
    check_reason(reason)
    with site.database.write() as connection:
        change = store.get(connection, change_id)
        _check_may(change, actor, force=force)
        now = site.clock.now()
        if change.state in {State.WAITING, State.READY}:
            ledger.append(connection, "withdrawn", str(actor), {"reason": reason}, now=now, change_id=change.id)
            change = end_unstarted(connection, change, State.WITHDRAWN, now)
            stop_runs(site, connection, change.id)  # its preview
        else:
            check_stoppable(connection, change, force=force)
            ask_to_stop(site, connection, change, str(actor), reason, now, force=force)
    site.ring(change.id)
    return change


def ask_to_stop(
    site: Site, connection: Connection, change: Change, actor: str, reason: str, now: datetime, *, force: bool
) -> None:
    """Writes down that a change that has begun shall stop, and tells its run.

    In a transaction that writes, so that no run is issued, or closed and sealed, between the look at it and the word.
    """
    if not is_requested(connection, change.id, force=force):
        current = runs.open_runs(connection, change.id)
        about = {"run": current[-1].id, "phase": current[-1].phase.value} if current else {"run": None, "phase": None}
        data = {"reason": reason, "force": force, **about}
        ledger.append(connection, KIND, actor, data, now=now, change_id=change.id)
    stop_runs(site, connection, change.id)


def stop_runs(site: Site, connection: Connection, change_id: str) -> None:
    """Tells every run of a change that is not closed to stop."""
    for run in runs.open_runs(connection, change_id):
        site.executor.stop(run.id)


def is_requested(connection: Connection, change_id: str, *, force: bool = False) -> bool:
    """Whether somebody asked this change to stop; with `force`, whatever it is doing."""
    asked = ledger.of_change(connection, change_id, KIND)
    return any(entry.data["force"] or not force for entry in asked)


def check_stoppable(connection: Connection, change: Change, *, force: bool) -> None:
    """Raises StateError if there is nothing of this change to stop, or nothing that may be stopped without force."""
    if change.state not in {State.RUNNING, State.UNDOING}:
        raise StateError(
            f"Change {change.id} cannot be cancelled.",
            f"It is {change.state.value}; only what waits or runs can be.",
            f"gate undo {change.id} takes back what was done.",
        )
    others = [one for one in store.undos_of(connection, change.id) if one.state in {State.RUNNING, State.UNKNOWN}]
    if change.state is State.UNDOING and others:
        raise StateError(
            f"Change {change.id} does not run.",
            f"It is being taken back by {others[0].id}, which is {others[0].state.value}.",
            f"If that has to stop: gate cancel {others[0].id} --force",
        )
    if not force and takes_back(connection, change):
        raise StateError(
            f"Change {change.id} is taking something back.",
            "Stopped half-way, its hosts would be neither as before nor as wanted.",
            f"Let it end. If it has to stop all the same: gate cancel {change.id} --force",
        )


def takes_back(connection: Connection, change: Change) -> bool:
    """Whether what runs of a change restores an earlier state."""
    undoes = any(run.phase is Phase.UNDO for run in runs.open_runs(connection, change.id))
    return undoes or change.state is State.UNDOING or change.undo_of is not None


def stopped(entries: Iterable[Entry]) -> list[Stopped]:
    """What was asked to stop, by the story of a change, and how long that took until it was closed. Pure."""
    story = list(entries)
    closed = {str(entry.data["run"]): entry.at for entry in story if entry.kind == "run"}
    asked: dict[str, Entry] = {}
    for entry in story:
        if entry.kind == KIND and entry.data["run"] is not None:
            asked.setdefault(str(entry.data["run"]), entry)
    return [_stopped(entry.data, entry.at, closed.get(run)) for run, entry in asked.items()]


def _stopped(asked: Mapping[str, Any], at: str, closed_at: str | None) -> Stopped:
    after = None if closed_at is None else max((from_stamp(closed_at) - from_stamp(at)).total_seconds(), 0.0)
    return Stopped(run=asked["run"], phase=asked["phase"], after_s=after)


def _check_may(change: Change, actor: Actor, *, force: bool) -> None:
    if actor.kind is ActorKind.HUMAN or (actor == change.actor and not force):
        return
    what = "stop by force what takes something back" if force else f"cancel {change.id}"
    raise IdentityError(f"{actor} cannot {what}.", "It was asked for by somebody else, or needs a person.", "Ask one.")
