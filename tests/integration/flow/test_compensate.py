"""A plan that failed takes back what it has finished, newest first, whoever dies on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.app import Gate
from gate.changes.model import Change, State
from gate.flow.cancel import cancel
from gate.flow.compensate import compensate
from gate.flow.expire import expire
from gate.flow.jobs import Jobs
from gate.flow.plan import propose_plan
from gate.intent import Intent
from gate.values.actor import Actor

if TYPE_CHECKING:
    Steps = Any
Wish = Callable[..., Intent]
File = Callable[..., Path]
AGENT = Actor.parse("agent:planner")


@pytest.fixture
def broken_file(app_ini: File) -> None:
    app_ini("db-02").write_text("[server]\nworkers = 4\nworkers = 5\n")  # the action refuses a key that is there twice


def step(name: str, intent: Intent, *after: str) -> dict[str, Any]:
    return {"id": name, "intent": intent.as_json(), "after": list(after)}


def three(workers: Wish) -> list[dict[str, Any]]:
    """Two changes of one file, and one that fails."""
    return [
        step("s1", workers("web-03", value="5")),
        step("s2", workers("web-03", value="6"), "s1"),
        step("s3", workers("db-02"), "s2"),
    ]


def broken(steps: Steps, workers: Wish) -> list[Change]:
    """The plan, carried out as far as it goes by somebody who then dies."""
    changes = propose_plan(steps.site, three(workers), AGENT)
    ended = [steps.execute(change) for change in changes]
    assert [change.state for change in ended] == [State.SUCCEEDED, State.SUCCEEDED, State.FAILED]
    return ended


def undos(steps: Steps) -> list[Change]:
    return [change for change in reversed(steps.gate.changes(50)) if change.undo_of]


@pytest.mark.usefixtures("broken_file")
def test_what_was_finished_is_taken_back_newest_first(gate: Gate, workers: Wish, app_ini: File) -> None:
    before = app_ini("web-03").read_bytes()
    first, second, third = [gate.wait(change.id, 60) for change in gate.propose_plan(three(workers))]
    assert third.state is State.FAILED
    assert gate.dispatcher.wait_idle(60)
    assert [gate.change(one.id).state for one in (first, second)] == [State.UNDONE, State.UNDONE]
    assert app_ini("web-03").read_bytes() == before
    started = [entry.change_id for entry in gate.entries(1000) if entry.kind == "started"]
    undone = {change.undo_of: change for change in gate.changes(50) if change.undo_of}
    assert started[3:] == [undone[second.id].id, undone[first.id].id]
    assert {change.actor for change in undone.values()} == {third.actor}
    assert undone[first.id].intent.reason == f"Taken back because {third.id}, a step of the same plan, is failed."
    [told] = [entry.data for entry in gate.story(third.id) if entry.kind == "compensating"]
    assert told == {"undos": {name: change.id for name, change in undone.items()}, "stays": []}


@pytest.mark.usefixtures("broken_file")
def test_it_goes_on_where_somebody_died_before_anything_was_proposed(
    steps: Steps, workers: Wish, app_ini: File
) -> None:
    before = app_ini("web-03").read_bytes()
    first, second, third = broken(steps, workers)
    jobs = Jobs(steps.site)
    assert ("compensate", third.id) in jobs.pending()
    jobs.work("compensate", third.id)
    jobs.work("compensate", third.id)  # somebody else was slower
    assert ("compensate", third.id) not in jobs.pending()
    newest, oldest = sorted(undos(steps), key=lambda change: change.undo_of == first.id)
    assert (newest.undo_of, oldest.undo_of, len(undos(steps))) == (second.id, first.id, 2)
    assert steps.execute(newest).state is State.SUCCEEDED
    # and here, between the two: the next one to look finds the rest
    assert [job for job in Jobs(steps.site).pending() if job[0] != "preview"] == [("execute", oldest.id)]
    assert steps.execute(oldest).state is State.SUCCEEDED
    assert app_ini("web-03").read_bytes() == before
    steps.check_the_books()


@pytest.mark.usefixtures("broken_file")
def test_an_undo_that_was_lost_on_the_way_is_unknown_and_the_rest_waits_for_nobody_to_guess(
    steps: Steps, workers: Wish
) -> None:
    first, second, third = broken(steps, workers)
    compensate(steps.site, third.id)
    newest = next(change for change in undos(steps) if change.undo_of == second.id)
    steps.start_and_die(newest)
    jobs = Jobs(steps.site)
    assert ("recover", newest.id) in jobs.pending()
    jobs.work("recover", newest.id)
    states = {change.undo_of: change.state for change in undos(steps)}
    assert states[second.id] in {State.FAILED, State.UNKNOWN}
    assert states[first.id] in {State.WAITING, State.WITHDRAWN}
    assert len(undos(steps)) == 2  # nothing of it is asked for twice
    assert steps.gate.change(first.id).state is State.SUCCEEDED


def test_steps_that_have_not_begun_are_withdrawn_and_a_no_breaks_a_plan_too(
    steps: Steps, workers: Wish, app_ini: File
) -> None:
    before = app_ini("web-03").read_bytes()
    plan = [
        step("done", workers("web-03", value="5")),
        step("asks", workers("web-01")),  # production: a person is asked
        step("beside", workers("db-02", value="6")),
    ]
    done, asks, beside = propose_plan(steps.site, plan, AGENT)
    assert steps.execute(done).state is State.SUCCEEDED
    cancel(steps.site, asks.id, AGENT, reason="Not today.")
    compensate(steps.site, asks.id)
    assert steps.gate.change(beside.id).state is State.WITHDRAWN
    [undo] = undos(steps)
    assert steps.execute(undo).state is State.SUCCEEDED
    assert app_ini("web-03").read_bytes() == before


@pytest.mark.usefixtures("broken_file")
def test_a_plan_breaks_for_those_too_that_have_not_begun(steps: Steps, workers: Wish) -> None:
    plan = [step("bad", workers("db-02")), step("asks", workers("web-01")), step("ready", workers("web-03"))]
    bad, asks, ready = propose_plan(steps.site, plan, AGENT)
    assert steps.execute(bad).state is State.FAILED
    assert steps.execute(ready).state is State.WITHDRAWN  # before anybody came to compensate
    Jobs(steps.site).work("compensate", bad.id)
    assert steps.gate.change(asks.id).state is State.WITHDRAWN
    assert undos(steps) == []


@pytest.mark.usefixtures("broken_file")
def test_what_cannot_be_proposed_now_is_tried_later(
    steps: Steps, workers: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = broken(steps, workers)

    def being_edited() -> None:
        raise OSError("It is being edited.")

    jobs = Jobs(replace(steps.site, inventory=being_edited))
    jobs.work("compensate", third.id)
    assert jobs.pending() == []  # it pauses
    jobs.work("compensate", third.id)
    assert steps.kinds(third).count("trouble") == 1
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + 3600)
    assert jobs.pending() == [("compensate", third.id)]
    Jobs(steps.site).work("compensate", third.id)
    assert {change.undo_of for change in undos(steps)} == {first.id, second.id}


def test_steps_that_expire_together_do_no_harm(steps: Steps, workers: Wish) -> None:
    plan = [step("a", workers("web-01")), step("b", workers("web-01", value="7"), "a")]
    first, second = propose_plan(steps.site, plan, AGENT)
    assert expire(steps.later(timedelta(days=30))) == [first.id]
    assert [steps.gate.change(one.id).state for one in (first, second)] == [State.EXPIRED, State.WITHDRAWN]


def test_a_step_that_somebody_takes_back_later_breaks_nothing(steps: Steps, workers: Wish) -> None:
    plan = [step("s1", workers("web-03", value="5")), step("s2", workers("web-03", value="6"), "s1")]
    for change in (changes := propose_plan(steps.site, plan, AGENT)):
        assert steps.execute(change).state is State.SUCCEEDED
    steps.execute(steps.gate.undo(changes[1].id))
    assert steps.gate.change(changes[1].id).state is State.UNDONE
    assert [job for job in Jobs(steps.site).pending() if job[0] == "compensate"] == []


@pytest.mark.usefixtures("broken_file")
def test_what_somebody_worked_on_since_stays_and_is_named(steps: Steps, workers: Wish) -> None:
    plan = [step("s1", workers("web-03", value="5")), step("s2", workers("db-02"), "s1")]
    first, second = propose_plan(steps.site, plan, AGENT)
    steps.execute(first)
    other = steps.execute(steps.gate.propose(workers("web-03", value="9")))
    assert other.state is State.SUCCEEDED
    steps.execute(second)
    compensate(steps.site, second.id)
    assert undos(steps) == []
    [told] = [entry.data for entry in steps.gate.story(second.id) if entry.kind == "compensating"]
    assert told["undos"] == {}
    assert [(one["change"], one["host"]) for one in told["stays"]] == [(first.id, "web-03")]
    assert Jobs(steps.site).pending() == []
