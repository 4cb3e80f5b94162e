"""After a crash: what ended is taken as it ended, what cannot be known is unknown, nothing runs twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.changes.model import State, WaitingFor
from gate.flow.jobs import Jobs
from gate.flow.recover import abandoned, recover
from gate.flow.settle import settle
from gate.intent import Intent
from gate.values.actor import Actor, ActorKind
from gate.values.errors import IdentityError, StateError, UndoError

if TYPE_CHECKING:
    Steps = Any
Wish = Callable[..., Intent]
File = Callable[..., Path]
ALICE = Actor(ActorKind.HUMAN, "alice")


def lose(steps: Steps, wish: Intent) -> Any:
    """A change whose worker was lost while it was at work."""
    change = steps.propose(wish)
    folder = steps.site.executor.folder(steps.start_and_die(change).run_id)
    folder.mkdir(parents=True)
    (folder / "started").touch()
    recover(steps.site, change.id)
    return steps.gate.change(change.id)


def test_a_run_that_ended_is_taken_as_it_ended(steps: Steps, workers: Wish, app_ini: File) -> None:
    before = app_ini("web-03").read_bytes()
    change = steps.propose(workers("web-03"))
    steps.run(steps.start_and_die(change))
    assert [one.id for one in abandoned(steps.site)] == [change.id]
    assert Jobs(steps.site).pending()[0] == ("recover", change.id)
    recover(steps.site, change.id)
    assert steps.gate.change(change.id).state is State.SUCCEEDED
    assert steps.phases(change) == ["do", "verify"]
    kinds = steps.kinds(change)
    assert kinds.count("evidence") == 1  # nobody was there to hear it; the folder had it
    assert "taken-over" in kinds
    assert steps.execute(steps.gate.undo(change.id)).state is State.SUCCEEDED
    assert app_ini("web-03").read_bytes() == before
    report, others = steps.gate.verify()
    assert report.sound
    assert others == []


def test_a_run_that_never_began_failed_and_touched_nothing(steps: Steps, workers: Wish, app_ini: File) -> None:
    change = steps.propose(workers("web-03"))
    steps.start_and_die(change)
    recover(steps.site, change.id)
    assert steps.gate.change(change.id).state is State.FAILED
    assert "workers = 4" in app_ini("web-03").read_text()
    assert steps.execute(steps.propose(workers("web-03"))).state is State.SUCCEEDED  # the host is free again


def test_a_lost_run_is_unknown_and_its_host_is_held_until_somebody_looked(steps: Steps, workers: Wish) -> None:
    change = lose(steps, workers("web-03"))
    assert change.state is State.UNKNOWN
    with pytest.raises(UndoError, match="settle"):
        steps.gate.undo(change.id)

    other = steps.execute(steps.propose(workers("web-03", key="threads")))
    assert (other.state, other.waiting_for) == (State.WAITING, WaitingFor.HOLD)
    elsewhere = steps.propose(workers("db-02"))
    assert steps.execute(elsewhere).state is State.SUCCEEDED

    with pytest.raises(IdentityError, match="A person has to look"):
        settle(steps.site, change.id, Actor(ActorKind.AGENT, "planner"), state=State.FAILED, reason="x")
    for state in (State.RUNNING, State.UNKNOWN, State.DENIED, State.READY):
        with pytest.raises(StateError):
            settle(steps.site, change.id, ALICE, state=state, reason="x")
    settled = settle(steps.site, change.id, ALICE, state=State.FAILED, reason="Looked: nothing was written.")
    assert settled.state is State.FAILED
    assert steps.gate.change(other.id).state is State.READY
    assert steps.execute(other).state is State.SUCCEEDED
    with pytest.raises(StateError):
        settle(steps.site, change.id, ALICE, state=State.SUCCEEDED, reason="Again.")


def test_a_lost_undo_is_unknown_and_settling_it_settles_the_original(steps: Steps, workers: Wish) -> None:
    original = steps.execute(steps.propose(workers("web-03")))
    undo = steps.gate.undo(original.id)
    folder = steps.site.executor.folder(steps.start_and_die(undo).run_id)
    folder.mkdir(parents=True)
    (folder / "started").touch()
    assert steps.gate.change(original.id).state is State.UNDOING
    assert [one.id for one in abandoned(steps.site)] == [undo.id]
    recover(steps.site, undo.id)
    assert steps.gate.change(undo.id).state is State.UNKNOWN
    assert steps.gate.change(original.id).state is State.UNDOING
    assert abandoned(steps.site) == []
    settle(steps.site, undo.id, ALICE, state=State.SUCCEEDED, reason="It is back.")
    assert steps.gate.change(original.id).state is State.UNDONE


def test_what_lives_is_not_taken_over(steps: Steps, workers: Wish) -> None:
    change = steps.propose(workers("web-03"))
    living = replace(steps.site, is_alive=lambda _: True)
    steps.start_and_die(change)
    assert abandoned(living) == []
    recover(living, change.id)
    assert steps.gate.change(change.id).state is State.RUNNING


def test_a_preview_whose_maker_died_is_made_by_another(steps: Steps, workers: Wish) -> None:
    change = steps.propose(workers("web-01"))
    from gate.changes import store

    with steps.site.database.write() as connection:
        store.note(connection, change, now=steps.site.clock.now(), executor="nobody.1.00000000")
    assert Jobs(steps.site).pending() == [("preview", change.id)]
    after = steps.preview(change)
    assert after.preview is not None
    assert after.executor is None
    assert Jobs(steps.site).pending() == []


def test_trouble_ends_in_a_state_that_says_so(steps: Steps, workers: Wish, site: Path) -> None:

    change = steps.propose(workers("web-03"))
    (site / "inventory" / "hosts.yml").write_text("all: [\n")
    Jobs(steps.site).work("execute", change.id)
    assert steps.gate.change(change.id).state is State.DENIED
    assert "trouble" in steps.kinds(change)
