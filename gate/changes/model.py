"""A change and the states it can be in. Pure.

proposed ─ denied
   └─ waiting (approval | window | hold | plan | limit) ─ expired | withdrawn
        └─ ready ─ running ─ succeeded ─ undoing ─ undone | undo_failed
                      ├─ failed ─ undoing …
                      └─ unknown ─ settled by an operator, as succeeded, failed or undone
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from gate.intent import Intent
from gate.values.actor import Actor
from gate.values.errors import StateError


class State(StrEnum):
    DENIED = "denied"
    WAITING = "waiting"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    READY = "ready"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"


class WaitingFor(StrEnum):
    APPROVAL = "approval"
    WINDOW = "window"
    HOLD = "hold"
    PLAN = "plan"  # an earlier step of its plan
    LIMIT = "limit"  # room within a limit that it had when it was admitted


LOOKS = ("check", "check-undo")  # the phases of runs that change nothing, as a test compares with those of warrants
MOVES: Mapping[State, frozenset[State]] = {
    State.DENIED: frozenset(),
    State.WAITING: frozenset({State.READY, State.WAITING, State.DENIED, State.EXPIRED, State.WITHDRAWN}),
    State.EXPIRED: frozenset(),
    State.WITHDRAWN: frozenset(),
    State.READY: frozenset({State.RUNNING, State.WAITING, State.DENIED, State.WITHDRAWN}),
    State.RUNNING: frozenset({State.SUCCEEDED, State.FAILED, State.UNKNOWN, State.UNDOING}),
    State.SUCCEEDED: frozenset({State.UNDOING}),
    State.FAILED: frozenset({State.UNDOING}),
    State.UNKNOWN: frozenset({State.SUCCEEDED, State.FAILED, State.UNDONE}),
    State.UNDOING: frozenset({State.UNDONE, State.UNDO_FAILED, State.UNKNOWN, State.SUCCEEDED, State.FAILED}),
    State.UNDONE: frozenset(),
    State.UNDO_FAILED: frozenset({State.UNDOING}),
}
AT_REST = frozenset(State) - {State.WAITING, State.READY, State.RUNNING, State.UNDOING}
STARTED = frozenset(State) - {State.DENIED, State.WAITING, State.EXPIRED, State.WITHDRAWN, State.READY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of the table of changes. `parameters` is complete; `hosts` is sorted and closed."""

    id: str
    state: State
    waiting_for: WaitingFor | None
    actor: Actor
    intent: Intent
    parameters: Mapping[str, Any]
    hosts: tuple[str, ...]
    action_digest: str
    decision: Mapping[str, Any]
    binding: str
    preview: str | None
    undo_of: str | None
    request_key: str | None
    executor: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def settled(self) -> bool:
        """Whether nothing will happen to it by itself soon: at rest, or waiting for people, time, or another step."""
        if self.waiting_for is WaitingFor.APPROVAL:
            return self.preview is not None
        return self.state in AT_REST or self.waiting_for in {WaitingFor.WINDOW, WaitingFor.PLAN, WaitingFor.LIMIT}

    def as_json(self) -> dict[str, Any]:
        """What a door may show: no digests of parameters are hidden, and there are no secrets in it."""
        return {
            "id": self.id,
            "state": self.state.value,
            "waiting_for": self.waiting_for.value if self.waiting_for else None,
            "actor": str(self.actor),
            "intent": self.intent.as_json(),
            "hosts": list(self.hosts),
            "decision": dict(self.decision),
            "undo_of": self.undo_of,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }


def check_move(change_id: str, old: State, new: State) -> None:
    """Raises StateError if a change in `old` can never become `new`."""
    if new not in MOVES[old]:
        raise StateError(
            f"Change {change_id} is {old.value}; it cannot become {new.value}.",
            f"From {old.value} a change goes to {', '.join(sorted(MOVES[old])) or 'nothing else'}.",
            f"Look at it first: gate changes show {change_id}",
        )
