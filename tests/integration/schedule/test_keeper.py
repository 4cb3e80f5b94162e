"""The real APScheduler with its real store."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from gate.app import Gate
from gate.identity.scopes import Identity
from gate.intent import Intent
from gate.schedule.clock import Keeper
from gate.schedule.plan import Schedule
from gate.values.actor import Actor, ActorKind
from gate.values.errors import DatabaseError, StateError

INTENT = {"action": "restart_service", "targets": ["web-01"], "parameters": {"service": "nginx"}, "reason": "Nightly."}


def schedule(name: str = "nightly", cron: str = "* * * * *", late: str = "1h") -> Schedule:
    return Schedule(schedule=name, cron=cron, late=late, intent=INTENT)


@pytest.fixture
def proposed() -> queue.Queue[tuple[str, Intent, str]]:
    return queue.Queue()


@pytest.fixture
def keep(tmp_path: Path, proposed: Any) -> Iterator[Callable[..., Keeper]]:
    """Starts a keeper over the same store as the one before; meanwhile `missed` came and went."""
    opened: list[Keeper] = []

    def make(
        *schedules: Schedule,
        propose: Callable[[str, Intent, str], None] | None = None,
        missed: datetime | None = None,
    ) -> Keeper:
        for keeper in opened:
            keeper.close()
        if missed is not None:
            make_due(tmp_path, missed)
        opened[:] = [Keeper(tmp_path, schedules, propose or (lambda *given: proposed.put(given)))]
        return opened[0]

    yield make
    for keeper in opened:
        keeper.close()


def make_due(state: Path, at: datetime) -> None:
    store = SQLAlchemyJobStore(url=f"sqlite:///{state / 'schedule.db'}")
    store.start(BackgroundScheduler(timezone=UTC), "default")
    job = store.lookup_job("nightly")
    job._modify(next_run_time=at)
    store.update_job(job)
    store.shutdown()


def due_at(keeper: Keeper, name: str, at: datetime) -> None:
    keeper._scheduler.modify_job(name, next_run_time=at)


def test_damaged_due_times_are_named_with_their_mend(keep: Callable[..., Keeper], tmp_path: Path) -> None:
    (tmp_path / "schedule.db").write_bytes(b"no database" * 500)
    with pytest.raises(DatabaseError, match=r"schedule\.db cannot be used.*not a database.*move it away"):
        keep(schedule())


def test_what_is_due_is_proposed_once(keep: Callable[..., Keeper], proposed: Any) -> None:
    keeper = keep(schedule(cron="0 0 1 1 *"))
    # make it due by hand; a real due time would be a year away
    due_at(keeper, "nightly", datetime.now(UTC))
    name, intent, key = proposed.get(timeout=10)
    assert (name, intent.action) == ("nightly", "restart_service")
    assert key.startswith("schedule:nightly:")
    with pytest.raises(queue.Empty):
        proposed.get(timeout=0.5)


def test_two_firings_of_one_due_time_have_one_key(keep: Callable[..., Keeper], proposed: Any) -> None:
    keeper = keep(schedule(cron="0 * * * *"))
    keys = set()
    for _ in range(3):
        keeper.propose("nightly")
        keys.add(proposed.get(timeout=10)[2])
    assert len(keys) <= 2  # the hour could end between two of them


def test_what_was_due_while_nobody_was_there_is_proposed_once_at_the_next_start(
    keep: Callable[..., Keeper], proposed: Any
) -> None:
    one = schedule(cron="*/5 * * * *", late="1h")
    keep(one)
    keep(one, missed=datetime.now(UTC) - timedelta(minutes=30))
    proposed.get(timeout=10)
    with pytest.raises(queue.Empty):
        proposed.get(timeout=0.5)


def test_what_is_too_late_is_not_proposed(keep: Callable[..., Keeper], proposed: Any) -> None:
    one = schedule(cron="0 0 1 1 *", late="1m")
    keep(one)
    keep(one, missed=datetime.now(UTC) - timedelta(minutes=30))
    with pytest.raises(queue.Empty):
        proposed.get(timeout=1)


def test_the_store_agrees_with_the_file(keep: Callable[..., Keeper]) -> None:
    keep(schedule("one", "0 0 1 1 *"), schedule("two", "0 0 1 1 *"))
    keeper = keep(schedule("two", "0 0 2 1 *"), schedule("three", "0 0 1 1 *"))
    jobs = {job.id: job for job in keeper._scheduler.get_jobs()}
    assert jobs.keys() == {"two", "three"}
    assert jobs["two"].trigger.schedule.cron == "0 0 2 1 *"


def test_a_refused_wish_does_not_stop_the_clock(keep: Callable[..., Keeper], proposed: Any) -> None:
    def refuse(*given: Any) -> None:
        proposed.put(given)
        raise StateError("No.", "No.", "No.")

    keeper = keep(schedule(cron="0 0 1 1 *"), propose=refuse)
    for _ in range(2):
        due_at(keeper, "nightly", datetime.now(UTC))
        proposed.get(timeout=10)


def test_the_same_due_time_makes_one_change(gate: Gate, workers: Callable[..., Intent]) -> None:
    clock = Identity(actor=Actor(ActorKind.SCHEDULE, "nightly"), scopes=frozenset({"propose"}))
    wish, key = workers("db-01"), "schedule:nightly:2026-01-01T00:00:00.000000Z"
    first = gate.propose_for(clock, wish, key=key)
    assert gate.propose_for(clock, wish, key=key).id == first.id
    assert str(first.actor) == "schedule:nightly"
    assert len(gate.changes()) == 1
