"""Whoever stands in line gets its turn, also when the one before goes away without having had its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gate.app import Gate
from gate.changes import store
from gate.changes.model import Change, State, WaitingFor
from gate.flow.execute import start
from gate.flow.expire import ask_again
from gate.intent import Intent

Wish = Callable[..., Intent]


@pytest.fixture
def idle(site: Path) -> Iterator[Gate]:
    """Nothing starts by itself."""
    with Gate.open(site, works=False) as gate:
        yield gate


def begin(gate: Gate, change: Change) -> Change:
    with gate.database.write() as connection:
        start(gate.site, connection, change.id, gate.inventory(), gate.clock.now())
    return gate.change(change.id)


@pytest.fixture
def line(idle: Gate, workers: Wish) -> tuple[Change, Change]:
    """Two that wait for a host each: the first one runs on the one, the second stands behind the first on the other."""
    begin(idle, idle.propose(workers("web-03")))
    before = begin(idle, idle.propose(workers("web-03", "db-02")))
    behind = begin(idle, idle.propose(workers("db-02")))
    assert [one.waiting_for for one in (before, behind)] == [WaitingFor.HOLD] * 2
    assert ask_again(idle.site) == []
    return before, behind


def test_it_goes_on_when_the_one_before_is_withdrawn(idle: Gate, line: tuple[Change, Change]) -> None:
    before, behind = line
    idle.cancel(before.id)
    assert ask_again(idle.site) == [behind.id]
    assert idle.change(behind.id).state is State.READY
    assert begin(idle, behind).state is State.RUNNING


def test_it_goes_on_when_the_one_before_waits_for_something_else_by_now(
    idle: Gate, line: tuple[Change, Change]
) -> None:
    before, behind = line
    with idle.database.write() as connection:
        ready = store.move(connection, before, State.READY, now=idle.clock.now())
        store.move(connection, ready, State.WAITING, now=idle.clock.now(), waiting_for=WaitingFor.APPROVAL)
    assert ask_again(idle.site) == [behind.id]
