from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gate.intent import Intent
from planner.plan import Plan, Reason
from planner.propose import propose


class Gate:
    """Answers a plan with one change a step in the states of the script: at once, and after waiting."""

    def __init__(self, *script: tuple[str, str]) -> None:
        self.script = script
        self.calls: list[tuple[str, str]] = []

    def propose_plan(self, steps: Sequence[Mapping[str, Any]], *, key: str | None = None) -> list[dict[str, Any]]:
        self.calls.append(("propose", f"{key} {[step['intent']['action'] for step in steps]}"))
        return [self._change(number, self.script[number][0]) for number in range(len(steps))]

    def wait(self, change_id: str, timeout_s: float) -> dict[str, Any]:
        self.calls.append(("wait", change_id))
        return self._change(int(change_id), self.script[int(change_id)][1])

    def _change(self, number: int, state: str) -> dict[str, Any]:
        reasons = [{"rule": "frozen", "because": "A freeze is on."}]
        return {
            "id": str(number),
            "state": state,
            "settled": state not in {"ready", "running"},
            "decision": {"verdict": "deny" if state == "denied" else "allow", "reasons": reasons},
        }


@pytest.fixture
def plan() -> Plan:
    return Plan.in_order("r", "p", [Intent.of(action, ["web-01"]) for action in ("drain_node", "reboot_host")])


def test_a_plan_is_proposed_as_one_and_each_step_is_awaited(plan: Plan) -> None:
    gate = Gate(("ready", "succeeded"), ("ready", "succeeded"))
    changes = propose(plan, gate, timeout_s=5.0, key="k")
    assert [change["state"] for change in changes] == ["succeeded", "succeeded"]
    assert gate.calls == [("propose", "k ['drain_node', 'reboot_host']"), ("wait", "0"), ("wait", "1")]


@pytest.mark.parametrize("state", ["failed", "waiting", "unknown", "undone", "expired", "some_new_state"])
def test_what_the_gate_made_of_each_step_comes_back(plan: Plan, state: str) -> None:
    gate = Gate(("ready", state), ("withdrawn", "never"))
    assert [change["state"] for change in propose(plan, gate)] == [state, "withdrawn"]
    assert gate.calls[1:] == [("wait", "0")]


def test_a_denial_comes_back_as_data_and_is_not_waited_for(plan: Plan) -> None:
    gate = Gate(("denied", "never"), ("denied", "never"))
    change, _ = propose(plan, gate)
    assert change["decision"]["reasons"] == [{"rule": "frozen", "because": "A freeze is on."}]
    assert [name for name, _ in gate.calls] == ["propose"]


def test_no_time_is_no_wait(plan: Plan) -> None:
    gate = Gate(("ready", "never"), ("ready", "never"))
    assert [change["state"] for change in propose(plan, gate, timeout_s=0)] == ["ready", "ready"]


def test_two_calls_without_a_key_are_two_wishes(plan: Plan) -> None:
    first, second = Gate(*[("denied", "")] * 2), Gate(*[("denied", "")] * 2)
    propose(plan, first)
    propose(plan, second)
    assert first.calls != second.calls


def test_a_refused_plan_proposes_nothing() -> None:
    gate = Gate()
    assert propose(Plan.refused("r", "p", Reason.NO_ACTION, "no"), gate) == []
    assert gate.calls == []
