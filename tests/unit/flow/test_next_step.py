"""What follows from the runs of a change, as a table."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gate.changes.model import State
from gate.execution.outcome import Outcome, Status
from gate.flow.runs import Run, next_step
from gate.warrant.model import Phase

DO, VERIFY, UNDO = Phase.DO, Phase.VERIFY, Phase.UNDO
WELL = Outcome(status=Status.SUCCEEDED, hosts={})
FAILED = Outcome(status=Status.FAILED, hosts={})
STOPPED = Outcome(status=Status.FAILED, hosts={}, stopped=True)
UNKNOWN = Outcome(status=Status.UNKNOWN, hosts={})
IN_DOUBT = Outcome(status=Status.UNKNOWN, hosts={}, stopped=True)
NEVER = Outcome(status=Status.FAILED, hosts={}, began=False)
NEVER_STOPPED = Outcome(status=Status.FAILED, hosts={}, began=False, stopped=True)
Row = tuple[list[tuple[Phase, Outcome | None]], Phase | State, Phase | State, Phase | State]

ROWS: dict[str, Row] = {
    # runs so far -> what follows; what follows if it was cancelled; and if it was cancelled by force
    "done": ([(DO, WELL)], VERIFY, UNDO, State.FAILED),
    "failed": ([(DO, FAILED)], UNDO, UNDO, State.FAILED),
    "stopped": ([(DO, STOPPED)], UNDO, UNDO, State.FAILED),
    "in doubt": ([(DO, IN_DOUBT)], State.UNKNOWN, State.UNKNOWN, State.UNKNOWN),
    "lost": ([(DO, UNKNOWN)], State.UNKNOWN, State.UNKNOWN, State.UNKNOWN),
    "not over": ([(DO, None)], State.UNKNOWN, State.UNKNOWN, State.UNKNOWN),
    "verified": ([(DO, WELL), (VERIFY, WELL)], State.SUCCEEDED, State.SUCCEEDED, State.SUCCEEDED),
    "not what was wanted": ([(DO, WELL), (VERIFY, FAILED)], UNDO, UNDO, State.FAILED),
    "verification lost": ([(DO, WELL), (VERIFY, UNKNOWN)], VERIFY, UNDO, State.FAILED),
    "lost twice": ([(DO, WELL), (VERIFY, UNKNOWN), (VERIFY, UNKNOWN)], UNDO, UNDO, State.FAILED),
    "never verified": ([(DO, WELL), (VERIFY, NEVER)], VERIFY, UNDO, State.FAILED),
    "verification stopped": ([(DO, WELL), (VERIFY, STOPPED)], UNDO, UNDO, State.FAILED),
    "verification in doubt": ([(DO, WELL), (VERIFY, IN_DOUBT)], UNDO, UNDO, State.FAILED),
    "verification never begun": ([(DO, WELL), (VERIFY, NEVER_STOPPED)], UNDO, UNDO, State.FAILED),
    "taken back": ([(DO, FAILED), (UNDO, WELL)], State.UNDONE, State.UNDONE, State.UNDONE),
    "not taken back": ([(DO, FAILED), (UNDO, STOPPED)], *[State.UNDO_FAILED] * 3),
    "taking back in doubt": ([(DO, FAILED), (UNDO, IN_DOUBT)], *[State.UNKNOWN] * 3),
}


def follows(
    row: str, *, on_failure: str = "undo", verify: bool = True, evidence: bool = True, undo_of: str | None = None,
    **asked: bool,
) -> Phase | State:  # fmt: skip
    runs = [Run(id="r", change_id="c", phase=phase, outcome=outcome) for phase, outcome in ROWS[row][0]]
    action = cast("Any", SimpleNamespace(has_verify=verify, on_failure=on_failure, reversibility="full"))
    change = cast("Any", SimpleNamespace(undo_of=undo_of))
    return next_step(change, action, runs, {"a": 1} if evidence else {}, **asked)


@pytest.mark.parametrize("row", ROWS)
def test_what_follows_is_what_the_table_says(row: str) -> None:
    _, usual, cancelled, forced = ROWS[row]
    assert follows(row) is usual
    assert follows(row, cancelled=True) is cancelled
    assert follows(row, cancelled=True, forced=True) is forced


@pytest.mark.parametrize("options", [{"on_failure": "stop"}, {"evidence": False}])
def test_without_a_way_back_a_cancelled_change_failed(options: dict[str, Any]) -> None:
    for row in ("done", "stopped", "verification stopped"):
        assert follows(row, cancelled=True, **options) is State.FAILED


def test_what_was_done_and_needs_no_verification_has_succeeded_however_late_it_was_cancelled() -> None:
    for asked in ({}, {"cancelled": True}, {"cancelled": True, "forced": True}):
        assert follows("done", verify=False, **asked) is State.SUCCEEDED
