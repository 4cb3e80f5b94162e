"""Handing a plan to the gate, which decides it as a whole. The planner's only deed that has an effect.

- The gate starts a step when those before it have succeeded; if one does not, it withdraws the rest.
- A denial is an answer, not an error: it comes back with its reasons. Approving is not possible from here.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from planner.plan import Plan


class Gate(Protocol):
    """What this room needs of `gate.client.GateClient`."""

    def propose_plan(self, steps: Sequence[Mapping[str, Any]], *, key: str | None = None) -> list[dict[str, Any]]:
        """The changes made for the steps; the same key gives the same changes."""
        ...

    def wait(self, change_id: str, timeout_s: float) -> dict[str, Any]:
        """The change when it is settled, or as it is after `timeout_s` seconds."""
        ...


def propose(plan: Plan, client: Gate, *, timeout_s: float = 600.0, key: str | None = None) -> list[dict[str, Any]]:
    """The changes made for the steps, in order, as the gate shows them: `id`, `state`, `decision`.

    Waits until each is settled, or until `timeout_s` seconds are over for all of them together; empty for a plan
    without steps. `key` makes a repeated call safe: the gate answers with the changes it made before.

    Raises:
        gate.values.errors.GateError: the gate could not be reached, or a step cannot even be asked.
    """
    if not plan.steps:
        return []
    steps = [{"id": step.id, "intent": step.intent.as_json(), "after": list(step.after)} for step in plan.steps]
    changes = client.propose_plan(steps, key=key or secrets.token_hex(8))
    deadline = time.monotonic() + timeout_s
    return [_settled(change, client, deadline) for change in changes]


def _settled(change: dict[str, Any], client: Gate, deadline: float) -> dict[str, Any]:
    left = deadline - time.monotonic()
    return change if change["settled"] or left <= 0 else client.wait(change["id"], left)
