"""May this change be undone? Refused unless everything says yes, each time with the reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from gate.changes.model import STARTED, Change, State
from gate.undo.evidence import overlap, resources
from gate.undo.past import Past
from gate.values.errors import UndoError

UNDOABLE = frozenset({State.SUCCEEDED, State.FAILED, State.UNDO_FAILED})


def check_undoable(
    past: Past,
    *,
    later: Sequence[Past],
    reversibility: str,
    window: timedelta,
    now: datetime,
) -> None:
    """Raises UndoError unless `past` can be undone now; `later` are the changes that came after it on its hosts."""
    change = past.change
    _check_state(change)
    _check_reversible(change, past.evidence, reversibility)
    if now > change.updated_at + window:
        raise UndoError(
            f"Change {change.id} is too old to be undone.",
            f"Its evidence was honoured for {window}, until {change.updated_at + window:%Y-%m-%d %H:%M} UTC.",
            "Make a new change that brings about what you want.",
        )
    since = frozenset({change.id, *(one.change.id for one in later)})
    blocking = [one.change.id for one in later if blocks(past, one, since)]
    if blocking:
        raise UndoError(
            f"Change {change.id} cannot be undone: it is stale.",
            f"Later changes touched the same things: {', '.join(blocking)}.",
            f"Undo those first, the newest before the others: gate undo {blocking[-1]}",
        )


def _check_state(change: Change) -> None:
    if change.state in UNDOABLE:
        return
    if change.state is State.UNDONE:
        raise UndoError(
            f"Change {change.id} is undone already.",
            f"It was undone at {change.updated_at:%Y-%m-%d %H:%M:%S} UTC.",
            f"Nothing is left to do; gate changes show {change.id} tells its story.",
        )
    if change.state is State.UNKNOWN:
        raise UndoError(
            f"Change {change.id} cannot be undone yet.",
            "It is not known what it did.",
            f"Look at the hosts, then say what happened: gate settle {change.id} --as succeeded|failed|undone",
        )
    raise UndoError(
        f"Change {change.id} is {change.state.value}; there is nothing to undo.",
        "Only what was carried out can be taken back.",
        f"gate changes show {change.id} tells its story.",
    )


def _check_reversible(change: Change, evidence: Mapping[str, Any], reversibility: str) -> None:
    if reversibility == "none":
        raise UndoError(
            f"Change {change.id} cannot be undone.",
            f"The action {change.intent.action} is declared irreversible.",
            "Make a new change that brings about what you want.",
        )
    if not evidence:
        raise UndoError(
            f"Change {change.id} recorded nothing to restore from.",
            "It did not get as far as recording the state before, so it changed nothing.",
            f"gate changes show {change.id} tells its story.",
        )


def blocks(past: Past, later: Past, since: Collection[str]) -> bool:
    """Whether `later` is in the way of an undo of `past`: on a host where both stand they touched the same thing.

    `since` are the ids of `past` and of all that began after it.
    """
    other = later.change
    if other.state not in STARTED or other.state is State.UNDONE:
        return False
    if other.undo_of in since:
        return False  # an undo of this one, or of one that came later too: it took back, it did not add
    if other.state is State.FAILED and not later.evidence:
        return False  # it ended before it changed anything
    return any(_overlap(past.evidence.get(host), later.evidence.get(host)) for host in past.hosts & later.hosts)


def _overlap(mine: Any, theirs: Any) -> bool:
    if mine is None:
        return False  # this change did nothing there
    ours, others = resources(mine), resources(theirs)
    return ours is None or others is None or overlap(ours, others)
