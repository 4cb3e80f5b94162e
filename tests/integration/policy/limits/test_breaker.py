"""A breaker from the failures to the reset, on a real database and by the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gate.app import Gate
from gate.changes import store
from gate.changes.model import Change, State
from gate.cli.main import cli
from gate.flow.breaker import reset
from gate.flow.submit import propose
from gate.identity.scopes import Identity
from gate.intent import Intent
from gate.policy.decision import Decision
from gate.policy.tools.explain import explain
from gate.values.actor import Actor, ActorKind
from gate.values.errors import IdentityError, NotFoundError, StateError

PLANNER = Actor.parse("agent:planner")
STOP = "- {limit: stop, breaker: {failures: 2, within: 1h}, by: [action, target]}\n"
KEY = "set_config_value,web-03"
Wish = Callable[..., Intent]


@pytest.fixture
def stopping(site: Path) -> Path:
    """A site with a breaker, and a recipe of risk."""
    (site / "rules" / "rules.yml").write_text("- {rule: any, when: {risk: {ge: 0}}, then: allow, because: Anything.}\n")
    (site / "rules" / "limits.yml").write_text(STOP)
    (site / "rules" / "risk.yml").write_text(
        "environment: {staging: 5}\n"
        "failures: {within: 1d, each: 10, most: 30}\n"
        "share: {steps: [{from: 20%, points: 1}]}\n"
    )
    return site


def fail(gate: Gate, wish: Intent) -> Change:
    """Proposes, and lets it fail."""
    change = propose(gate.site, wish, PLANNER)
    for state in (State.RUNNING, State.FAILED):
        with gate.database.write() as connection:
            change = store.move(connection, change, state, now=gate.clock.now())
    return change


def run(site: Path, *words: str) -> Result:
    def opened(site: str | None = None, token: str | None = None, **more: Any) -> Gate:
        return Gate.open(site, token=token, **more)

    return CliRunner().invoke(cli, ["-C", str(site), *words], obj=opened)


def test_a_breaker_stops_what_fails_until_a_person_resets_it(stopping: Path, workers: Wish) -> None:
    with Gate.open(stopping, works=False) as gate:
        failed = [fail(gate, workers("web-03")).id, fail(gate, workers("web-03", "db-02")).id]
        stopped = propose(gate.site, workers("web-03"), PLANNER)
        assert stopped.state is State.DENIED
        assert f"gate breaker reset stop {KEY} --reason TEXT" in str(stopped.decision["reasons"])
        assert propose(gate.site, workers("db-02"), PLANNER).state is State.READY

    listed = json.loads(run(stopping, "breaker", "list", "-o", "json").output)["breakers"]
    assert listed == [
        {"breaker": "stop", "key": "set_config_value,db-02", "open": False, "failures": failed[1:]},
        {"breaker": "stop", "key": KEY, "open": True, "failures": failed},
    ]
    done = run(stopping, "breaker", "reset", "stop", KEY, "--reason", "The disk was full.")
    assert (done.exit_code, "2 failures are forgotten" in done.output) == (0, True)

    with Gate.open(stopping, works=False) as gate:
        (entry,) = [entry for entry in gate.entries(50) if entry.kind == "breaker-reset"]
        assert entry.actor == str(gate.actor)
        assert entry.data == {"breaker": "stop", "key": KEY, "reason": "The disk was full.", "forgets": failed}
        assert gate.verify()[0].sound
        assert propose(gate.site, workers("web-03"), PLANNER).state is State.READY
        assert [one.key for one in gate.breakers()] == ["set_config_value,db-02"]


def test_what_was_unknown_and_has_succeeded_closes_it_again(stopping: Path, workers: Wish) -> None:
    with Gate.open(stopping, works=False) as gate:
        fail(gate, workers("web-03"))
        lost = propose(gate.site, workers("web-03"), PLANNER)
        for state in (State.RUNNING, State.UNKNOWN):
            with gate.database.write() as connection:
                lost = store.move(connection, lost, state, now=gate.clock.now())
        assert propose(gate.site, workers("web-03"), PLANNER).state is State.DENIED
        gate.settle(lost.id, state=State.SUCCEEDED, reason="I looked.")
        assert propose(gate.site, workers("web-03"), PLANNER).state is State.READY


def test_only_people_who_may_operate_reset_what_is_open(stopping: Path, workers: Wish) -> None:
    with Gate.open(stopping, works=False) as gate:
        fail(gate, workers("web-03"))
        with pytest.raises(StateError, match="not open"):
            gate.reset_breaker("stop", KEY, reason="x")
        fail(gate, workers("web-03"))
        with pytest.raises(NotFoundError, match="no breaker 'slow'"):
            gate.reset_breaker("slow", KEY, reason="x")
        with pytest.raises(StateError, match=f"open for {KEY}"):
            gate.reset_breaker("stop", "set_config_value", reason="x")
        with pytest.raises(IdentityError, match="person has to look"):
            reset(gate.site, "stop", KEY, PLANNER, reason="x")
        gate.identity = Identity(actor=Actor(ActorKind.HUMAN, "ann"), scopes=frozenset({"propose", "read"}))
        with pytest.raises(IdentityError, match="operate"):
            gate.reset_breaker("stop", KEY, reason="x")
        assert [one.open for one in gate.breakers()] == [True]


def test_the_parts_of_the_risk_are_in_the_decision_and_explained(stopping: Path, workers: Wish) -> None:
    with Gate.open(stopping, works=False) as gate:
        fail(gate, workers("web-03"))
        decided = Decision.from_json(propose(gate.site, workers("web-03"), PLANNER).decision)
    parts = [(part.factor, part.value, part.points) for part in decided.risk["web-03"]]
    assert parts == [
        ("action", "set_config_value", 20),
        ("environment", "staging", 5),
        ("share", 20, 1),
        ("failures", 1, 10),
    ]
    assert decided.facts["web-03"]["risk"] == 36
    told = "risk: 20 of set_config_value + 5 (environment staging) + 1 (share 20) + 10 (failures 1) = 36"
    assert told in "\n".join(explain(decided))
