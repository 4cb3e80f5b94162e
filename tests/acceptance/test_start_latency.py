"""An approved change starts because it was approved, not because somebody looked around: no poll is in its way.

The sweep, which only looks for what another process left behind, is set so far apart here that it cannot be the reason.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from gate import Gate
from gate.changes.model import State
from gate.dispatch import dispatcher
from gate.identity.scopes import Identity
from gate.values.actor import Actor, ActorKind

AGENT = Identity(Actor(ActorKind.AGENT, "planner"), frozenset({"propose"}))
NEVER_S = 3600.0
PATIENCE_S = 60.0

pytestmark = pytest.mark.slow


@pytest.fixture
def site(site: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(dispatcher, "SWEEP_S", NEVER_S)
    site.add_mark()
    return site


def begun(gate: Gate, change: str) -> bool:
    """Whether it started before the sweep could have come by."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if gate.change(change).state not in {State.WAITING, State.READY}:
            return True
        time.sleep(0.005)
    return False


def asked(gate: Gate, tag: str, host: str = "web-01") -> str:
    made = gate.propose_for(AGENT, {"action": "mark", "targets": [host], "parameters": {"tag": tag}})
    return gate.wait(made.id, PATIENCE_S).id


def test_an_approval_starts_the_change_without_a_poll(site: Any) -> None:
    with Gate.open(site.root) as gate:
        change = asked(gate, "approved")
        assert gate.change(change).state is State.WAITING
        gate.approve(change, binding=gate.card(change).binding)
        assert begun(gate, change)
        assert gate.wait(change, PATIENCE_S).state is State.SUCCEEDED


def test_a_change_that_waited_for_a_host_starts_when_the_host_is_free(site: Any) -> None:
    with Gate.open(site.root) as gate:
        made = [asked(gate, f"turn-{number}", "web-03") for number in range(3)]
        assert [gate.wait(change, PATIENCE_S).state for change in made] == [State.SUCCEEDED] * 3


def test_an_approval_in_another_process_starts_it_in_the_gate_that_serves(site: Any) -> None:
    with Gate.open(site.root) as gate:
        gate.serve_jobs()
        change = asked(gate, "elsewhere")
        approving = site.gate("approve", change, "--yes", "--timeout", "0", expect=0)
        assert change in approving.stdout
        assert begun(gate, change)
        assert gate.wait(change, PATIENCE_S).state is State.SUCCEEDED
    assert site.marks("web-01", "elsewhere") == ["START", "END"]
