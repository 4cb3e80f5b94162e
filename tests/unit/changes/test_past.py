"""What is read of earlier changes: what has something in common, what failed, what is open; and where it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from gate.changes import past, store
from gate.changes.model import State
from gate.changes.past import Reach
from gate.intent import Intent
from gate.values.actor import Actor

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Host:
    name: str
    environment: str = "prod"
    criticality: str = "high"
    groups: frozenset[str] = frozenset({"web", "paris"})


@pytest.fixture
def add(database, make_change):
    """Stores a change that was made `ago`."""

    def of(ago=timedelta(0), action="restart_service", described=(), **values):
        at = NOW - ago
        hosts = values.get("hosts", ("web-01",))
        intent = Intent.of(action, list(hosts), {"service": "nginx"})
        change = make_change(**{"intent": intent, "created_at": at, "updated_at": at, **values})
        with database.write() as connection:
            store.add(
                connection, change, [past.described(h.name, h.environment, h.criticality, h.groups) for h in described]
            )
        return change

    return of


@pytest.fixture
def read(database):
    """The ids within a reach, as seen by agent:planner who wants restart_service on web-01."""

    def of(**reach):
        with database.read() as connection:
            found = past.read(
                connection, Reach(**reach), actor="agent:planner", action="restart_service", hosts=["web-01", "web-02"]
            )
        return {one.id for one in found}

    return of


@pytest.fixture
def move(database):
    """Moves a change through states, one minute after the other."""

    def of(change, *states):
        with database.write() as connection:
            for number, state in enumerate(states):
                change = store.move(connection, change, state, now=NOW + timedelta(minutes=number))
        return change

    return of


def test_only_what_has_something_in_common_is_read(add, read):
    other = {"actor": Actor.parse("human:ann"), "action": "reload", "hosts": ("db-01",), "state": State.SUCCEEDED}
    mine = add(**other | {"actor": Actor.parse("agent:planner")}).id
    action = add(**other | {"action": "restart_service"}).id
    host = add(**other | {"hosts": ("db-01", "web-02")}).id
    far = add(**other).id
    since = NOW - HOUR
    assert read() == set()
    assert read(actor=since) == {mine}
    assert read(action=since) == {action}
    assert read(target=since) == {host}
    assert read(actor=since, target=since) == {mine, host}
    assert read(every=since) == {mine, action, host, far}


def test_what_moved_within_the_time_is_read_however_old_it_is(add, read, move):
    old = add(2 * HOUR)
    assert read(actor=NOW - HOUR) == set()
    move(old, State.RUNNING)
    assert read(actor=NOW - HOUR) == {old.id}


def test_what_is_open_is_read_whoever_made_it_and_whenever(add, read):
    other = {"actor": Actor.parse("human:ann"), "action": "reload", "hosts": ("db-01",)}
    ids = {state: add(1000 * HOUR, state=state, **other).id for state in State}
    at_once = {State.WAITING, State.READY, State.RUNNING, State.UNDOING, State.UNKNOWN}
    assert read(open=True) == {ids[state] for state in at_once}


def test_what_was_denied_is_never_read(add, read):
    add(state=State.DENIED)
    assert read(every=NOW - HOUR, open=True, failed_actor=NOW - HOUR) == set()


@pytest.mark.parametrize(
    ("states", "failed"),
    [
        ([State.RUNNING, State.FAILED], 1),
        ([State.RUNNING, State.UNKNOWN], 1),
        ([State.RUNNING, State.UNKNOWN, State.FAILED], 1),
        ([State.RUNNING, State.UNKNOWN, State.UNDONE], 1),
        ([State.RUNNING, State.UNKNOWN, State.SUCCEEDED], None),
        ([State.RUNNING, State.UNDOING, State.UNDONE], 1),
        ([State.RUNNING, State.UNDOING, State.UNDO_FAILED], 1),
        ([State.RUNNING, State.UNDOING, State.UNKNOWN], 2),
        ([State.RUNNING, State.FAILED, State.UNDOING, State.UNDONE], 1),
        ([State.RUNNING, State.FAILED, State.UNDOING, State.FAILED], 1),  # it was taken back on some of its hosts
        ([State.RUNNING, State.SUCCEEDED, State.UNDOING, State.SUCCEEDED], None),
        ([State.RUNNING, State.SUCCEEDED], None),
        ([State.RUNNING, State.SUCCEEDED, State.UNDOING, State.UNDONE], None),
        ([State.RUNNING, State.SUCCEEDED, State.UNDOING, State.UNDO_FAILED], None),  # its undo says that it failed
    ],
)
def test_a_change_remembers_when_it_failed(database, add, read, move, states, failed):
    change = move(add(), *states)
    with database.read() as connection:
        (found,) = past.read(connection, Reach(every=NOW - HOUR), actor="", action="", hosts=[])
        everything = past.failed(connection)
    assert found.failed_at == (None if failed is None else NOW + timedelta(minutes=failed))
    assert [one.id for one in everything] == ([] if failed is None else [change.id])
    for of in ("failed_actor", "failed_action", "failed_target"):
        assert read(**{of: NOW - HOUR}) == set(() if failed is None else [change.id])
        assert read(**{of: NOW + HOUR}) == set()


def test_a_failure_with_nothing_in_common_is_not_read(add, read, move):
    other = add(actor=Actor.parse("human:ann"), action="reload", hosts=("db-01",))
    move(other, State.RUNNING, State.FAILED)
    since = NOW - HOUR
    assert read(failed_actor=since, failed_action=since, failed_target=since) == set()


def test_hosts_are_as_they_were_and_what_was_not_stored_is_unknown(database, add):
    change = add(hosts=("db-01", "web-01"), described=[Host("web-01")])
    with database.read() as connection:
        (found,) = past.read(connection, Reach(open=True), actor="", action="", hosts=[])
    assert (found.id, found.action, found.created_at) == (change.id, "restart_service", change.created_at)
    web, db = found.hosts["web-01"], found.hosts["db-01"]
    assert (web.environment, web.criticality, web.groups) == ("prod", "high", frozenset({"web", "paris"}))
    assert db.environment is None


def test_of_two_resets_the_later_one_counts(database):
    with database.write() as connection:
        past.reset(connection, "stop", "restart", now=NOW)
        past.reset(connection, "stop", "restart", now=NOW + HOUR)
        past.reset(connection, "stop", "reload", now=NOW)
        assert past.resets(connection) == {("stop", "restart"): NOW + HOUR, ("stop", "reload"): NOW}
