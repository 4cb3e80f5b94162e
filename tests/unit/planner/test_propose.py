from __future__ import annotations

from typing import Any

import pytest

from gate.intent import Intent
from planner.plan import Plan, Reason
from planner.propose import propose


class Gate:
    """Answers each proposal with the next states of the script: at once, and after waiting."""

    def __init__(self, *script: tuple[str, str]) -> None:
        self.script = list(script)
        self.calls: list[tuple[str, str]] = []

    def propose(self, intent: Intent, *, key: str | None = None) -> dict[str, Any]:
        self.calls.append(("propose", f"{key} {intent.action}"))
        verdict = "deny" if self.script[0][0] == "denied" else "allow"
        reasons = [{"rule": "frozen", "because": "A freeze is on."}]
        return {"id": str(key), "state": self.script[0][0], "decision": {"verdict": verdict, "reasons": reasons}}

    def wait(self, change_id: str, timeout_s: float) -> dict[str, Any]:
        self.calls.append(("wait", f"{change_id} {timeout_s}"))
        return {"id": change_id, "state": self.script.pop(0)[1], "decision": {"verdict": "allow", "reasons": []}}


@pytest.fixture
def plan() -> Plan:
    return Plan.in_order("r", "p", [Intent.of(action, ["web-01"]) for action in ("drain_node", "reboot_host")])


def test_each_step_is_awaited_before_the_next(plan: Plan) -> None:
    gate = Gate(("ready", "succeeded"), ("ready", "succeeded"))
    changes = propose(plan, gate, timeout_s=5.0, key="k")
    assert [change["state"] for change in changes] == ["succeeded", "succeeded"]
    assert gate.calls == [
        ("propose", "k-s1 drain_node"),
        ("wait", "k-s1 5.0"),
        ("propose", "k-s2 reboot_host"),
        ("wait", "k-s2 5.0"),
    ]


@pytest.mark.parametrize("state", ["failed", "waiting", "unknown", "undone", "expired", "some_new_state"])
def test_nothing_follows_a_step_that_has_not_succeeded(plan: Plan, state: str) -> None:
    gate = Gate(("ready", state), ("ready", "succeeded"))
    assert [change["state"] for change in propose(plan, gate)] == [state]
    assert len(gate.calls) == 2


def test_a_denial_comes_back_as_data_and_is_not_waited_for(plan: Plan) -> None:
    gate = Gate(("denied", "never"))
    [change] = propose(plan, gate)
    assert change["decision"]["reasons"] == [{"rule": "frozen", "because": "A freeze is on."}]
    assert [name for name, _ in gate.calls] == ["propose"]


def test_two_calls_without_a_key_are_two_wishes(plan: Plan) -> None:
    first, second = Gate(("denied", "")), Gate(("denied", ""))
    propose(plan, first)
    propose(plan, second)
    assert first.calls != second.calls


def test_a_refused_plan_proposes_nothing() -> None:
    gate = Gate()
    assert propose(Plan.refused("r", "p", Reason.NO_ACTION, "no"), gate) == []
    assert gate.calls == []
