from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from gate.changes import holds, store
from gate.changes.model import Change, State, WaitingFor
from gate.database.engine import Database
from gate.values.actor import Actor, ActorKind
from gate.values.errors import DatabaseError, NotFoundError, StateError

NOW = datetime(2026, 1, 2, tzinfo=UTC)
Make = Callable[..., Change]


def add(database: Database, *changes: Change) -> None:
    with database.write() as connection:
        for change in changes:
            store.add(connection, change)


def test_a_stored_change_is_the_same_again(database: Database, make_change: Make) -> None:
    made = make_change(
        hosts=("web-01", "web-02"), state=State.WAITING, waiting_for=WaitingFor.APPROVAL, request_key="k"
    )
    add(database, made)
    with database.read() as connection:
        assert store.get(connection, made.id) == made


def test_an_unambiguous_beginning_of_an_id_is_enough(database: Database, make_change: Make) -> None:
    add(
        database,
        make_change(id="chg-aa1"),
        make_change(id="chg-aa2"),
        make_change(id="chg-b"),
        make_change(id="chg-aa"),
    )
    with database.read() as connection:
        assert store.get(connection, "chg-b").id == "chg-b"
        assert store.get(connection, "chg-aa").id == "chg-aa"
        with pytest.raises(NotFoundError, match="several"):
            store.get(connection, "chg-a")


@pytest.mark.parametrize("wrong", ["chg-x", "%", "chg-_", "chg-%", "' OR 1=1 --", "chg-\ud800", "chg-ä", "chg-\x00"])
def test_an_unknown_id_is_not_found_whatever_it_looks_like(database: Database, make_change: Make, wrong: str) -> None:
    add(database, make_change())
    with database.read() as connection, pytest.raises(NotFoundError):
        store.get(connection, wrong)


def test_an_empty_id_is_no_beginning_of_one(database: Database, make_change: Make) -> None:
    add(database, make_change())
    with database.read() as connection, pytest.raises(NotFoundError):
        store.get(connection, "")


def test_a_move_outside_of_the_graph_leaves_the_row_alone(database: Database, make_change: Make) -> None:
    made = make_change(state=State.DENIED)
    add(database, made)
    with pytest.raises(StateError), database.write() as connection:
        store.move(connection, made, State.READY, now=NOW)
    with database.read() as connection:
        assert store.get(connection, made.id) == made


def test_of_two_movers_one_wins(database: Database, make_change: Make) -> None:
    made = make_change(state=State.READY)
    add(database, made)
    gate, results = threading.Barrier(4), []

    def move() -> None:
        gate.wait()
        try:
            with database.write() as connection:
                store.move(connection, made, State.RUNNING, now=NOW)
            results.append("won")
        except StateError:
            results.append("lost")

    movers = [threading.Thread(target=move) for _ in range(4)]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()
    assert sorted(results) == ["lost", "lost", "lost", "won"]


def test_a_note_on_what_moved_meanwhile_is_refused(database: Database, make_change: Make) -> None:
    made = make_change(state=State.READY)
    add(database, made)
    with database.write() as connection:
        store.move(connection, made, State.RUNNING, now=NOW)
    with pytest.raises(StateError, match="no longer ready"), database.write() as connection:
        store.note(connection, made, now=NOW, executor="x")


def test_a_request_key_makes_one_change_per_actor(database: Database, make_change: Make) -> None:
    alice, bob = Actor(ActorKind.HUMAN, "alice"), Actor(ActorKind.HUMAN, "bob")
    one, other = make_change(actor=alice, request_key="k"), make_change(actor=bob, request_key="k")
    add(database, one, other, make_change(actor=alice), make_change(actor=alice))
    with database.read() as connection:
        assert store.by_key(connection, alice, "k") == one
        assert store.by_key(connection, bob, "k") == other
        assert store.by_key(connection, alice, "other") is None
    with pytest.raises(DatabaseError, match=r"(?i)unique"):
        add(database, make_change(actor=alice, request_key="k"))


def test_later_changes_are_those_that_share_a_host(database: Database, make_change: Make) -> None:
    first, same, other = make_change(hosts=("a", "b")), make_change(hosts=("b", "c")), make_change(hosts=("c",))
    add(database, first, same, other)
    with database.read() as connection:
        assert store.later_on(connection, first) == [same]
        assert store.later_on(connection, same) == [other]


def test_history_leaves_out_what_was_denied_or_is_too_old(database: Database, make_change: Make) -> None:
    old, denied, new = make_change(), make_change(state=State.DENIED), make_change()
    add(database, old, denied, new)
    with database.read() as connection:
        assert store.since(connection, old.created_at) == [new]
        assert store.since(connection, old.created_at - timedelta(seconds=1)) == [old, new]


def test_lists_are_by_state_and_host(database: Database, make_change: Make) -> None:
    a, b = make_change(hosts=("a",)), make_change(hosts=("b",), state=State.FAILED)
    add(database, a, b)
    with database.read() as connection:
        assert store.latest(connection, 10) == [b, a]
        assert store.latest(connection, 1) == [b]
        assert store.latest(connection, 10, State.FAILED) == [b]
        assert store.latest(connection, 10, host="a") == [a]


def test_a_held_host_is_taken_once(database: Database, make_change: Make) -> None:
    one, other = make_change(hosts=("a", "b")), make_change(hosts=("b", "c"))
    add(database, one, other)
    with database.write() as connection:
        holds.take(connection, one.id, one.hosts, now=NOW)
        holds.take(connection, one.id, one.hosts, now=NOW)  # its own does no harm
        assert holds.blockers(connection, other) == {"b": one.id}
        assert holds.blockers(connection, one) == {}
    with pytest.raises(DatabaseError, match=r"(?i)unique"), database.write() as connection:
        holds.take(connection, other.id, other.hosts, now=NOW)
    with database.read() as connection:
        assert holds.of_change(connection, other.id) == []  # not half of them either


def test_a_released_host_is_free(database: Database, make_change: Make) -> None:
    one, other = make_change(), make_change()
    add(database, one, other)
    with database.write() as connection:
        holds.take(connection, one.id, one.hosts, now=NOW)
        holds.release(connection, other.id)
        assert holds.of_change(connection, one.id) == ["web-01"]
        holds.release(connection, one.id)
        assert holds.blockers(connection, other) == {}


def test_whoever_waits_longer_for_a_host_comes_first(database: Database, make_change: Make) -> None:
    first = make_change(state=State.WAITING, waiting_for=WaitingFor.HOLD)
    approval = make_change(state=State.WAITING, waiting_for=WaitingFor.APPROVAL)
    late = make_change()
    add(database, first, approval, late)
    with database.read() as connection:
        assert holds.blockers(connection, late) == {"web-01": first.id}
        assert holds.blockers(connection, first) == {}
