"""Many ask at the same moment: a limit lets exactly as many through as it says, whoever asks from wherever."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gate.app import Gate
from gate.changes.model import State
from gate.flow.submit import propose
from gate.intent import Intent
from gate.values.actor import Actor

ASKED = 50
PROCESSES = 4
HOSTS = ("web-01", "web-02", "web-03", "db-01", "db-02")
ALLOW = "- {rule: any, when: {risk: {ge: 0}}, then: allow, because: Anything.}\n"
APPROVE = "- {rule: any, when: {risk: {ge: 0}}, then: {needs_approval: {from: sre}}, because: Anything.}\n"
FIVE = {
    "rate": "at_most: 5, per: 1h, by: [actor]",
    "rate by group": "at_most: 5, per: 1h, by: [group:both]",
    "concurrent": "concurrent: 5",
    "concurrent by action": "concurrent: 5, by: [action]",
    "cooldown": "cooldown: 1h, by: [target]",  # once on each of the five hosts
}
CHILD = """
import json, sys
from gate.app import Gate
from gate.flow.submit import propose
from gate.intent import Intent
from gate.values.actor import Actor
with Gate.open(sys.argv[1], works=False) as gate:
    gate.site, gate.catalog(), gate.inventory()
    print("ready", flush=True)
    wishes = json.loads(sys.stdin.readline())
    print(json.dumps([propose(gate.site, Intent.parse(wish), Actor.parse("agent:planner")).state for wish in wishes]))
"""


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """The database that all of them share: the URL for gate.toml, or None for the site's own SQLite file."""
    return {"sqlite": None}[request.param]


@pytest.fixture
def limited(site: Path, database_url: str | None) -> Callable[..., Path]:
    """The site with one limit and one rule."""

    def make(limit: str, rule: str = ALLOW) -> Path:
        (site / "rules" / "rules.yml").write_text(rule)
        (site / "rules" / "limits.yml").write_text(f"- {{limit: few, {limit}}}\n")
        inventory = site / "inventory" / "hosts.yml"
        inventory.write_text(inventory.read_text() + "    both:\n      children:\n        web:\n        db:\n")
        if database_url is not None:
            toml = site / "gate.toml"
            toml.write_text(toml.read_text().replace("[site]", f'[site]\ndatabase = "{database_url}"', 1))
        return site

    return make


def wishes() -> list[Intent]:
    return [
        Intent.of(
            "set_config_value",
            [HOSTS[number % len(HOSTS)]],
            {"path": "/etc/app/app.ini", "format": "ini", "section": "server", "key": "workers", "value": str(number)},
        )
        for number in range(ASKED)
    ]


def from_threads(site: Path) -> list[str]:
    with Gate.open(site, works=False) as gate:
        flow, actor = gate.site, Actor.parse("agent:planner")
        gate.inventory()  # Ansible reads it once, not fifty times
        with ThreadPoolExecutor(ASKED) as pool:
            return [change.state.value for change in pool.map(lambda wish: propose(flow, wish, actor), wishes())]


def from_processes(site: Path) -> list[str]:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(site)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(PROCESSES)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"  # all of them are there before the first one asks
    for number, child in enumerate(children):
        assert child.stdin is not None
        child.stdin.write(json.dumps([wish.as_json() for wish in wishes()[number::PROCESSES]]) + "\n")
        child.stdin.flush()
    states = [state for child in children for state in json.loads(child.communicate(timeout=120)[0])]
    assert [child.returncode for child in children] == [0] * PROCESSES
    return states


@pytest.mark.parametrize(
    ("kind", "ask"),
    [*((kind, from_threads) for kind in FIVE), ("concurrent", from_processes)],
)
def test_of_fifty_at_once_a_limit_of_five_lets_five_through(
    limited: Callable[..., Path], kind: str, ask: Callable[[Path], Sequence[str]]
) -> None:
    states = ask(limited(FIVE[kind]))
    assert (states.count(State.READY), states.count(State.DENIED)) == (5, ASKED - 5)


def test_what_waits_for_people_takes_its_place(limited: Callable[..., Path]) -> None:
    states = from_threads(limited("concurrent: 5", APPROVE))
    assert (states.count(State.WAITING), states.count(State.DENIED)) == (5, ASKED - 5)


@pytest.mark.parametrize("limit", ["hosts: 2, at: once", "share: 59%, at: once"])
def test_of_fifty_at_once_no_more_hosts_are_taken_than_may_be(limited: Callable[..., Path], limit: str) -> None:
    site = limited(limit)
    states = from_threads(site)
    assert states.count(State.READY) > 2  # more than one change on a host
    with Gate.open(site, works=False) as gate:
        taken = {host for change in gate.changes(ASKED, state=State.READY) for host in change.hosts}
    assert len(taken) == 2
