"""An agent goes wrong on four hosts, people build on some of it: all that can be taken back is, to the fingerprint."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from gate.app import Gate
from gate.changes.model import Change, State
from gate.flow.submit import propose
from gate.intent import Intent
from gate.proof.ground import FINGERPRINT, LOOK, Ground
from gate.values.actor import Actor
from tests.hosts.lab import Lab

HOSTS = ("web-01", "web-02", "web-03", "web-04")
AGENT, HUMAN = Actor.parse("agent:planner"), Actor.parse("human:alice")
RULES = "- {rule: all, when: {environment: staging}, then: allow, because: These hosts are for tests.}\n"
PATIENCE_S = 300.0


@pytest.fixture
def four(proving_site: Path, make_lab: Callable[..., Lab]) -> Path:
    """The site with four hosts of its own, on which everything is allowed, and the action that looks at a host."""
    inventory = make_lab(4).inventory
    inventory["all"]["vars"] |= {"gate_environment": "staging"}
    (proving_site / "inventory" / "hosts.yml").write_text(yaml.safe_dump(inventory))
    for path in [*(proving_site / "rules").rglob("*.yml")]:
        path.unlink()
    (proving_site / "rules" / "rules.yml").write_text(RULES)
    return proving_site


def wish(number: int, hosts: list[str], value: str) -> Intent:
    parameters = {
        "path": f"/etc/app/{number}.ini",
        "format": "ini",
        "section": "server",
        "key": "workers",
        "value": value,
    }
    return Intent.of("set_config_value", hosts, parameters, "More load.")


def all_succeed(gate: Gate, changes: Sequence[Change]) -> None:
    ends = list(changes)
    while any(one.state in {State.WAITING, State.READY, State.RUNNING} for one in ends):
        ends = [gate.wait(change.id, 1.0) for change in changes]
    told = {one.id: (one.state, gate.runs(one.id)) for one in ends if one.state is not State.SUCCEEDED}
    assert told == {}


@pytest.mark.slow
def test_all_that_an_agent_did_is_taken_back_and_what_is_in_the_way_is_named(four: Path) -> None:
    chance = random.Random(5)  # noqa: S311 - the same every time
    with Gate.open(four, warm=True) as gate:
        ground = Ground(gate.folder, HOSTS, lambda _: gate, gate)
        ground.put(FINGERPRINT, LOOK)
        ground.put_tasks(
            "make_folder", [{"name": "Make it", "ansible.builtin.file": {"path": "/etc/app", "state": "directory"}}], ()
        )
        ground.act("make_folder", {})
        ground.look("start")

        def done(intent: Intent, actor: Actor) -> Change:
            change = gate.wait(propose(gate.site, intent, actor).id, PATIENCE_S)
            assert change.state is State.SUCCEEDED
            return change

        by_agent = [
            done(wish(chance.randrange(5), sorted(chance.sample(HOSTS, chance.choice((1, 1, 2)))), str(number)), AGENT)
            for number in range(30)
        ]
        built_upon = [(change.parameters["path"], change.hosts[0]) for change in by_agent[5:20:5]]
        by_human = [done(wish(int(path[len("/etc/app/")]), [host], "99"), HUMAN) for path, host in built_upon]

        def touched(change: Change) -> set[tuple[str, str]]:
            return {(change.parameters["path"], host) for host in change.hosts}

        kept = set().union(*map(touched, by_human))
        wanted = gate.made_by(AGENT, by_agent[0].created_at.replace(year=2000))
        assert wanted == [change.id for change in by_agent]
        undone = gate.undo_many(wanted)
        assert {(one.change_id, one.host) for one in undone.radius.conflicts} == {
            (change.id, host) for change in by_agent for path, host in touched(change) if (path, host) in kept
        }
        all_succeed(gate, undone.changes)
        seen = ground.look("undone", "start")
        assert {host for host, one in seen.items() if not one.same} == {host for _, host in kept}
        for host in {host for _, host in kept}:
            files = {f"files: {path}" for path, of in kept if of == host}
            assert {line.rsplit(": ", 1)[0] for line in seen[host].differences if line.startswith("files")} == files

        left = [change.id for change in by_agent if gate.change(change.id).state is not State.UNDONE]
        rest = gate.undo_many(left, cascade=True)
        assert rest.radius.conflicts == ()
        all_succeed(gate, rest.changes)
        left_over = {host: one.differences for host, one in ground.look("cascade", "start").items() if not one.same}
        assert left_over == {}
        assert {gate.change(change.id).state for change in [*by_agent, *by_human]} == {State.UNDONE}
        assert gate.verify()[0].sound
