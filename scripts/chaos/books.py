"""What has to hold of a change, whatever was killed while it was on its way. Pure: each fault is a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gate.ledger.entry import Entry

ENDS = ("succeeded", "failed", "undone", "undo_failed", "unknown")
BEGUN, DONE = ["START"], ["START", "END"]
TAKEN_BACK = ([*BEGUN, "UNDO"], [*DONE, "UNDO"], ["UNDO"])
# what may be found on the host, by the state in which the change came to rest
MARKS = {
    "denied": ([],),
    "failed": ([],),  # what begins records its evidence first, so that it is taken back
    "succeeded": (DONE,),
    "undone": TAKEN_BACK,
    "undo_failed": ([], BEGUN, DONE, *TAKEN_BACK),
    "unknown": ([], BEGUN, DONE, *TAKEN_BACK),
}


@dataclass(frozen=True)
class Record:
    """A change that came to rest: how it was meant to end, and what is known of it from every side."""

    meant: str  # well, do-fails, verify-fails
    state: str
    marks: Sequence[str]  # on its host, in their order
    runs: Sequence[dict[str, Any]]
    story: Sequence[Entry]
    alive: Sequence[str]  # processes that still work for it


def faults(record: Record) -> list[str]:
    """Everything that is wrong with it."""
    return [*_twice(record), *_false(record), *_lost(record), *_left(record)]


def late(state: str, then: Sequence[str], now: Sequence[str]) -> list[str]:
    """What is wrong with marks that came after the change was at rest."""
    came = [mark for mark in now if mark not in then]
    if any(now.count(mark) > 1 for mark in now):
        return [f"double execution: there is {now} on the host, long after it was {state}"]
    if state == "unknown" and len([mark for mark in came if mark != "UNDO"]) <= 1:
        return []  # the task in flight came to its end, and an operator may have taken it back
    return [f"it went on: {came} came after it was {state}"] * bool(came)


def _twice(record: Record) -> Iterator[str]:
    for mark in ("START", "END", "UNDO"):
        if record.marks.count(mark) > 1:
            yield f"double execution: {mark} is there {record.marks.count(mark)} times"
    started = sum(entry.kind == "started" for entry in record.story)
    if started > 1:
        yield f"double execution: it was started {started} times"


def _false(record: Record) -> Iterator[str]:
    if record.marks not in MARKS.get(record.state, ()):
        yield f"false outcome: it is {record.state}, and there is {record.marks} on the host"
    if record.state == "succeeded":
        ended = [run["phase"] for run in record.runs if (run["outcome"] or {}).get("status") == "succeeded"]
        if record.meant != "well" or ended != ["do", "verify"]:
            yield f"false success: it was meant to go {record.meant}, and what succeeded is {ended}"
    if record.state == "undone" and "evidence" not in _kinds(record):
        yield "false outcome: it is undone, and there is no evidence"


def _lost(record: Record) -> Iterator[str]:
    if record.state not in MARKS:
        yield f"lost outcome: it is {record.state}"
        return
    kinds = _kinds(record)
    if record.state in ENDS and [kind for kind in kinds if kind in ENDS] != [record.state]:
        yield f"lost outcome: it is {record.state}, and the ledger says {kinds}"
    closed = [entry.data["run"] for entry in record.story if entry.kind == "run"]
    if sorted(closed) != sorted(run["id"] for run in record.runs):
        yield f"lost outcome: its runs are {[run['id'] for run in record.runs]}, and {closed} were closed"
    if "START" in record.marks and "evidence" not in kinds:
        yield "lost evidence: it began, and there is none"
    last = (record.runs[-1]["outcome"] or {}) if record.runs else {}
    if record.state == "unknown" and not last.get("note"):
        yield "nobody says why it is unknown"


def _left(record: Record) -> Iterator[str]:
    # the module in flight of an unknown change may be anywhere; what goes on to further tasks may not
    left = [one for one in record.alive if record.state != "unknown" or not one.startswith("module")]
    if left:
        yield f"left alive: {', '.join(left)} after it was {record.state}"


def _kinds(record: Record) -> list[str]:
    return [entry.kind for entry in record.story]
