"""A run has ended, and it cannot be written down: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, event

from gate.changes.model import State
from gate.database.engine import Database
from gate.flow.jobs import LONGEST_PAUSE_S, Jobs, _Pause
from gate.intent import Intent

if TYPE_CHECKING:
    Steps = Any
    Action = Any


@contextmanager
def unwritable(database: Database) -> Iterator[None]:
    """What a disk that is mounted read-only does to it: SQLite itself refuses to write."""

    def refuse(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only=ON")

    def allow(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only=OFF")

    event.listen(database._engine, "begin", refuse)
    yield
    event.remove(database._engine, "begin", refuse)
    event.listen(database._engine, "begin", allow)


@pytest.mark.parametrize("verified", [True, False], ids=["before its verification", "at its end"])
def test_how_a_change_ended_is_written_down_when_it_can_be_again(
    steps: Steps,
    action: Action,
    wish: Intent,
    eventually: Callable[[Callable[[], object]], None],
    verified: bool,
) -> None:
    action.write(verify=verified)
    jobs = Jobs(steps.site)
    change = steps.propose(wish)
    thread = threading.Thread(target=jobs.work, args=("execute", change.id))
    thread.start()
    action.at_work("do")
    with unwritable(steps.site.database):
        action.let("do", "verify")
        thread.join(60)
        assert not thread.is_alive()
        assert steps.gate.change(change.id).state is State.RUNNING
        jobs.work("close", change.id)  # still not
    eventually(lambda: ("close", change.id) in jobs.pending())
    jobs.work("close", change.id)
    assert steps.gate.change(change.id).state is State.SUCCEEDED
    assert steps.phases(change) == (["do", "verify"] if verified else ["do"])
    assert ("close", change.id) not in jobs.pending()
    steps.check_the_books()


def test_what_somebody_else_has_closed_meanwhile_is_left_alone(steps: Steps, action: Action, wish: Intent) -> None:
    action.write(verify=False)
    action.let("do")
    change = steps.execute(steps.propose(wish))
    story = steps.kinds(change)
    Jobs(steps.site).work("close", change.id)
    assert steps.kinds(change) == story


def test_it_is_tried_more_and_more_seldom_and_never_given_up() -> None:
    pauses = [_Pause.after(None)]
    for _ in range(10):
        pauses.append(_Pause.after(pauses[-1]))
    assert [pause.seconds for pause in pauses[:4]] == [1, 2, 4, 8]
    assert pauses[-1].seconds == LONGEST_PAUSE_S
