"""Handing a plan to the gate, step by step. The planner's only deed that has an effect.

- Each step is proposed after the one before it has succeeded, and the first that has not ends it.
- A denial is an answer, not an error: it comes back with its reasons. Approving is not possible from here.
"""

from __future__ import annotations

import secrets
from typing import Any, Protocol

from gate.intent import Intent
from planner.plan import Plan

_AT_REST = frozenset({"succeeded", "denied", "failed", "expired", "withdrawn", "unknown", "undone", "undo_failed"})


class Gate(Protocol):
    """What this room needs of `gate.client.GateClient`."""

    def propose(self, intent: Intent, *, key: str | None = None) -> dict[str, Any]:
        """The change made for the intent; the same key gives the same change."""
        ...

    def wait(self, change_id: str, timeout_s: float) -> dict[str, Any]:
        """The change when it is settled, or as it is after `timeout_s` seconds."""
        ...


def propose(plan: Plan, client: Gate, *, timeout_s: float = 600.0, key: str | None = None) -> list[dict[str, Any]]:
    """The changes made for the steps, as the gate shows them: `id`, `state`, `decision`.

    Shorter than the plan if a step was denied, did not succeed, or still waits after `timeout_s` seconds; empty
    for a plan without steps. `key` makes a repeated call safe: the gate answers with the changes it made before.

    Raises:
        gate.values.errors.ClientError: the gate could not be reached.
    """
    run = key or secrets.token_hex(8)
    changes: list[dict[str, Any]] = []
    for step in plan.steps:
        change = client.propose(step.intent, key=f"{run}-{step.id}")
        if timeout_s > 0 and change["state"] not in _AT_REST:
            change = client.wait(change["id"], timeout_s)
        changes.append(change)
        if change["state"] != "succeeded":
            break
    return changes
