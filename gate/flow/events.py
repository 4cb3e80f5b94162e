"""What may be told of a change as it goes on: its entries of the ledger, each reduced to what is listed here.

Evidence, diffs, facts and digests stay on the ledger. The words that hosts, tasks and people said are for those who may
read everything: an agent that only proposes is told what happened, and not in whose words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from gate.changes import store
from gate.changes.model import AT_REST, Change
from gate.flow import progress
from gate.flow.cancel import KIND as CANCEL
from gate.ledger import store as ledger
from gate.ledger.entry import Entry

MOST = 1000  # entries in one answer
_LISTED: Mapping[str, tuple[str, ...]] = {
    "warrant": ("run", "phase", "hosts"),
    "evidence": ("run", "host"),
    "not-started": ("state",),
    "undoing": ("by", "because"),
    "undone": ("by",),
    "undo_failed": ("by",),
    progress.KIND: ("run", "phase", "left_out"),
    CANCEL: ("run", "phase", "force"),
}
_WORDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("approved", "rejected", "withdrawn", "settled", CANCEL), ("reason", "comment")),
    "settled": ("as", "reason"),
    progress.KIND: ("errors",),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A part of a change's story. `last` is the number to ask on from; `more`: there is more of it already."""

    events: list[dict[str, Any]]
    change: Change
    last: int
    more: bool

    @property
    def ended(self) -> bool:
        """Whether nothing more will be told: it is at rest, and this was the end of it."""
        return self.change.state in AT_REST and not self.more


def read(connection: Connection, change_id: str, after: int, *, words: bool) -> Told:
    """What is told of a change after entry number `after`. In one snapshot, so that its state fits to it."""
    change = store.get(connection, change_id)
    entries = ledger.of_change(connection, change.id, after=after, count=MOST + 1)
    told = entries[:MOST]
    last = told[-1].seq if told else after
    return Told([event(entry, words=words) for entry in told], change, last, more=len(entries) > MOST)


def event(entry: Entry, *, words: bool) -> dict[str, Any]:
    """What may be told of one entry: `seq`, `at`, `kind`, `actor`, and what is listed of its data."""
    data = entry.data
    listed = (*_LISTED.get(entry.kind, ()), *(_WORDS.get(entry.kind, ()) if words else ()))
    told = {name: data[name] for name in listed if name in data}
    if entry.kind == "decided":
        told |= {"verdict": data["decision"]["verdict"], "state": data["state"]}
    if entry.kind == progress.KIND:
        told["tasks"] = [_task(task, words=words) for task in data["tasks"]]
    if entry.kind == "run":
        told |= {"run": data["run"], "phase": data["phase"], **_outcome(data["outcome"], words=words)}
    return {"seq": entry.seq, "at": entry.at, "kind": entry.kind, "actor": entry.actor, **told}


def _task(task: Mapping[str, Any], *, words: bool) -> dict[str, Any]:
    if words:
        return dict(task)
    return {name: dict.fromkeys(marks, "") if isinstance(marks, dict) else marks for name, marks in task.items()}


def _outcome(outcome: Mapping[str, Any], *, words: bool) -> dict[str, Any]:
    hosts = {
        host: {"status": one["status"], "changed": one["changed"], "message": one["message"] if words else ""}
        for host, one in outcome["hosts"].items()
    }
    note = {"note": outcome["note"]} if words else {}
    return {"status": outcome["status"], "stopped": outcome.get("stopped", False), "hosts": hosts, **note}
