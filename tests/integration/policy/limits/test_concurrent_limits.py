"""Many ask, or start, at the same moment: a limit lets exactly as many through as it says, wherever they come from."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from gate.app import Gate
from gate.changes.model import State, WaitingFor
from gate.flow.execute import start
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
THREE = {
    "rate": "at_most: 3, per: 1h, by: [actor]",
    "concurrent": "concurrent: 3",
    "hosts": "hosts: 3, at: once",
    "share": "share: 60%, at: once",
}
CHILD = """
import json, sys
from gate.app import Gate
from gate.flow.execute import start
from gate.flow.submit import propose
from gate.intent import Intent
from gate.values.actor import Actor

def asked(gate, wish):
    return propose(gate.site, Intent.parse(wish), Actor.parse("agent:planner")).state

def started(gate, change_id):
    with gate.database.write() as connection:
        start(gate.site, connection, change_id, gate.inventory(), gate.clock.now())

with Gate.open(sys.argv[1], works=False) as gate:
    gate.site, gate.catalog(), gate.inventory()
    print("ready", flush=True)
    jobs = json.loads(sys.stdin.readline())
    print(json.dumps([globals()[sys.argv[2]](gate, job) for job in jobs]))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """The database that all of them share: the URL for gate.toml, or None for the site's own SQLite file."""
    return request.getfixturevalue("url") if request.param == "postgresql" else None


@pytest.fixture
def limited(site: Path, database_url: str | None) -> Callable[..., Path]:
    """The site with at most one limit, and one rule."""
    inventory = site / "inventory" / "hosts.yml"
    inventory.write_text(inventory.read_text() + "    both:\n      children:\n        web:\n        db:\n")
    if database_url is not None:
        toml = site / "gate.toml"
        toml.write_text(toml.read_text().replace("[site]", f'[site]\ndatabase = "{database_url}"', 1))

    def make(limit: str | None = None, rule: str = ALLOW) -> Path:
        (site / "rules" / "rules.yml").write_text(rule)
        if limit is not None:
            (site / "rules" / "limits.yml").write_text(f"- {{limit: few, {limit}}}\n")
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
    return in_processes(site, "asked", [wish.as_json() for wish in wishes()])


def start_from_threads(site: Path, ids: Sequence[str]) -> None:
    with Gate.open(site, works=False) as gate:
        flow, inventory = gate.site, gate.inventory()

        def begin(change_id: str) -> None:
            with flow.database.write() as connection:
                start(flow, connection, change_id, inventory, flow.clock.now())

        with ThreadPoolExecutor(ASKED) as pool:
            list(pool.map(begin, ids))


def start_from_processes(site: Path, ids: Sequence[str]) -> None:
    in_processes(site, "started", ids)


def in_processes(site: Path, deed: str, jobs: Sequence[object]) -> list[str]:
    """Does the jobs in several processes at the same moment."""
    with ExitStack() as ending:
        children = [
            ending.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", CHILD, str(site), deed],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(PROCESSES)
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"  # all of them are there before the first one asks
        for number, child in enumerate(children):
            assert child.stdin is not None
            child.stdin.write(json.dumps(jobs[number::PROCESSES]) + "\n")
            child.stdin.flush()
        done = [one for child in children for one in json.loads(child.communicate(timeout=120)[0])]
    assert [child.returncode for child in children] == [0] * PROCESSES
    return done


@pytest.mark.parametrize(
    ("kind", "ask"),
    [*((kind, from_threads) for kind in FIVE), ("rate", from_processes), ("concurrent", from_processes)],
)
def test_of_fifty_at_once_a_limit_of_five_lets_five_through(
    limited: Callable[..., Path], database_url: str | None, kind: str, ask: Callable[[Path], Sequence[str]]
) -> None:
    site = limited(FIVE[kind])
    states = ask(site)
    assert (states.count(State.READY), states.count(State.DENIED)) == (5, ASKED - 5)
    with Gate.open(site, works=False) as gate:
        assert [len(gate.changes(ASKED, state=state)) for state in (State.READY, State.DENIED)] == [5, ASKED - 5]
        report, others = gate.verify()
        assert (report.sound, report.size, others) == (True, 2 * ASKED, [])
    assert (site / ".gate" / "gate.db").exists() is (database_url is None)


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


@pytest.mark.parametrize(
    ("kind", "begin"),
    [*((kind, start_from_threads) for kind in THREE), ("rate", start_from_processes), ("hosts", start_from_processes)],
)
def test_of_fifty_that_were_admitted_no_more_start_than_a_limit_of_three_lets(
    limited: Callable[..., Path], kind: str, begin: Callable[[Path, Sequence[str]], None]
) -> None:
    """All of them are ready when somebody writes the limit. The others wait: for room, or for a host that is taken."""
    assert from_threads(limited()) == [State.READY] * ASKED
    site = limited(THREE[kind])
    with Gate.open(site, works=False) as gate:
        ids = [change.id for change in gate.changes(ASKED)]
    begin(site, ids)
    with Gate.open(site, works=False) as gate:
        after = gate.changes(ASKED)
        begun = [change for change in after if change.state is State.RUNNING]
        assert len(begun) == len({host for change in begun for host in change.hosts}) == 3
        left = [change for change in after if change.state is State.WAITING]
        assert len(left) == ASKED - 3
        assert {change.waiting_for for change in left} <= {WaitingFor.LIMIT, WaitingFor.HOLD}
        assert sum(change.waiting_for is WaitingFor.LIMIT for change in left) >= 2 * ASKED // len(HOSTS) - 2
        report, others = gate.verify()
        assert (report.sound, others) == (True, [])
