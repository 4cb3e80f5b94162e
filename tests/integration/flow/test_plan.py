"""Plans: several wishes in order, decided as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gate.app import Gate
from gate.changes.model import State, WaitingFor
from gate.intent import Intent
from gate.values.errors import GateError, IntentError

Wish = Callable[..., Intent]
File = Callable[..., Path]


def step(name: str, intent: Intent, *after: str) -> dict[str, Any]:
    return {"id": name, "intent": intent.as_json(), "after": list(after)}


def test_steps_run_in_their_order(gate: Gate, workers: Wish, app_ini: File) -> None:
    plan = [
        step("s1", workers("web-03", value="5")),
        step("s2", workers("db-02", value="6"), "s1"),
        step("s3", workers("web-03", value="7"), "s2"),
    ]
    changes = gate.propose_plan(plan)
    ended = [gate.wait(change.id, 90) for change in changes]
    assert [change.state for change in ended] == [State.SUCCEEDED] * 3
    assert "workers = 7" in app_ini("web-03").read_text()
    started = [entry.change_id for entry in gate.entries(1000) if entry.kind == "started"]
    assert started == [change.id for change in changes]


def test_one_denied_step_denies_the_plan(gate: Gate, workers: Wish, app_ini: File) -> None:
    before = app_ini("web-03").read_bytes()
    changes = gate.propose_plan([step("s1", workers("web-03")), step("s2", workers("db-01"), "s1")])
    assert [change.state for change in changes] == [State.DENIED, State.DENIED]
    assert gate.dispatcher.wait_idle(5)
    assert app_ini("web-03").read_bytes() == before
    assert "as a whole" in str([entry.data for entry in gate.story(changes[0].id)])


def test_what_comes_after_a_step_that_failed_is_withdrawn(gate: Gate, workers: Wish, app_ini: File) -> None:
    app_ini("db-02").write_text("[server]\nworkers = 4\nworkers = 5\n")  # the action refuses a key that is there twice
    before = app_ini("web-03").read_bytes()
    plan = [
        step("s1", workers("db-02")),
        step("s2", workers("web-03"), "s1"),
        step("s3", workers("web-03", value="9"), "s2"),
    ]
    changes = gate.propose_plan(plan)
    ended = [gate.wait(change.id, 60).state for change in changes]
    assert ended == [State.FAILED, State.WITHDRAWN, State.WITHDRAWN]
    assert app_ini("web-03").read_bytes() == before


def test_a_step_waits_for_the_one_before_it(gate: Gate, workers: Wish) -> None:
    changes = gate.propose_plan([step("s1", workers("web-01")), step("s2", workers("web-03"), "s1")])
    gate.wait(changes[0].id, 60)  # it waits for a person
    assert gate.dispatcher.wait_idle(30)
    second = gate.change(changes[1].id)
    assert (second.state, second.waiting_for) == (State.WAITING, WaitingFor.PLAN)
    gate.reject(changes[0].id, reason="Not today.")
    assert gate.change(changes[0].id).state is State.WITHDRAWN
    assert gate.change(changes[1].id).state is State.WITHDRAWN


@pytest.mark.parametrize(
    "plan",
    [
        [],
        "x",
        [{"id": "s1"}],
        [{"id": "s1", "intent": {}, "after": [], "more": 1}],
        [{"id": "s1", "intent": {"action": "set_config_value", "targets": ["web-03"]}, "after": ["s2"]}],
        [{"id": "S 1", "intent": {}}],
    ],
)
def test_a_plan_that_is_not_well_formed_is_refused(gate: Gate, plan: Any) -> None:
    with pytest.raises(GateError):
        gate.propose_plan(plan)
    assert gate.changes() == []


def test_nine_steps_are_too_many(gate: Gate, workers: Wish) -> None:
    with pytest.raises(IntentError):
        gate.propose_plan([step(f"s{number}", workers("web-03")) for number in range(9)])
