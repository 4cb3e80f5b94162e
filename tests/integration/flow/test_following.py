"""Following a change: its runs as they go on, from any process, and the same afterwards."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from gate.changes.model import State
from gate.flow.cancel import cancel
from gate.flow.recover import recover
from gate.intent import Intent
from gate.values.actor import Actor, ActorKind
from gate.values.clock import from_stamp

if TYPE_CHECKING:
    Steps = Any
    Action = Any
    Eventually = Any
ALICE = Actor(ActorKind.HUMAN, "alice")


def marks(events: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Phase, task, what became of it, host: in the order in which it was told."""
    return [
        (event["phase"], task["task"], kind, host)
        for event in events
        if event["kind"] == "progress"
        for task in event["tasks"]
        for kind, hosts in task.items()
        if kind != "task"
        for host in sorted(hosts)
    ]


def followed(steps: Steps, change: Any) -> tuple[list[dict[str, Any]], threading.Thread]:
    events: list[dict[str, Any]] = []

    def follow() -> None:
        for told in steps.gate.follow(change.id, timeout_s=120):
            events.extend(told.events)

    thread = threading.Thread(target=follow)
    thread.start()
    return events, thread


def test_a_change_is_followed_from_do_to_verify_to_undo_until_it_is_at_rest(
    steps: Steps, action: Action, wish: Intent, eventually: Eventually
) -> None:
    verify = (action.folder / "verify.yml").read_text()
    (action.folder / "verify.yml").write_text(
        verify + "    - name: Look\n      ansible.builtin.assert: {that: false, fail_msg: It is not so.}\n"
    )
    change = steps.propose(wish)
    events, thread = followed(steps, change)
    with steps.executing(change):
        eventually(lambda: ("do", "Work", "started", "web-03") in marks(events))  # told while it is at work
        assert not action.done("do")
        action.let("do")
        eventually(lambda: ("verify", "Work", "started", "web-03") in marks(events))
        action.let("verify", "undo")
    thread.join(60)
    assert not thread.is_alive()
    assert steps.gate.change(change.id).state is State.UNDONE
    assert [mark for mark in marks(events) if mark[2] != "started"] == [
        ("do", "Record the evidence", "ok", "web-03"),
        ("do", "Work", "changed", "web-03"),
        ("verify", "Work", "ok", "web-03"),
        ("verify", "Look", "failed", "web-03"),
        ("undo", "Work", "changed", "web-03"),
    ]
    kinds = [event["kind"] for event in events if event["kind"] != "progress"]
    assert kinds[-3:] == ["warrant", "run", "undone"]
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    assert "It is not so." in json.dumps(events)
    assert steps.gate.events(change.id).events == events  # the same, after the fact
    later = steps.gate.events(change.id, after=events[3]["seq"])
    assert (later.events, later.ended) == (events[4:], True)
    without = steps.gate.events(change.id, words=False).events
    assert "It is not so." not in json.dumps(without)
    assert marks(without) == marks(events)
    steps.check_the_books()


def test_what_a_gate_that_died_has_not_told_is_told_by_the_one_that_takes_over(
    steps: Steps, action: Action, wish: Intent
) -> None:
    action.let("do", "verify")
    change = steps.propose(wish)
    steps.run(steps.start_and_die(change))
    assert marks(steps.gate.events(change.id).events) == []
    recover(steps.site, change.id)
    told = steps.gate.events(change.id)
    assert [mark for mark in marks(told.events) if mark[0] == "do"] == [
        ("do", "Record the evidence", "ok", "web-03"),
        ("do", "Record the evidence", "started", "web-03"),
        ("do", "Work", "changed", "web-03"),
        ("do", "Work", "started", "web-03"),
    ]
    assert told.change.state is State.SUCCEEDED
    steps.check_the_books()


def test_what_was_told_already_is_not_told_again(
    steps: Steps, action: Action, wish: Intent, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gate.flow.progress import Listening
    from gate.ledger import store as ledger

    action.let("do", "verify")
    change = steps.propose(wish)
    warrant = steps.start_and_die(change)
    steps.run(warrant)
    run = Listening(change.id, warrant.run_id, "do")
    for event in list(steps.site.executor.events(warrant.run_id))[:3]:
        run.hear(event)  # so much the gate had told before it died
    with steps.site.database.write() as connection:
        data = {**run.about, **run.take().as_json()}
        ledger.append(connection, "progress", "gate", data, now=steps.site.clock.now(), change_id=change.id)
    recover(steps.site, change.id)
    told = [mark for mark in marks(steps.gate.events(change.id).events) if mark[0] == "do"]
    assert len(told) == len(set(told)) == 4


def test_a_cancelled_change_is_followed_to_its_end(steps: Steps, action: Action, wish: Intent) -> None:
    action.let("undo")
    change = steps.propose(wish)
    events, thread = followed(steps, change)
    with steps.executing(change):
        action.at_work("do")
        cancel(steps.site, change.id, ALICE, reason="The wrong one.")
    thread.join(60)
    kinds = [event["kind"] for event in events if event["kind"] != "progress"]
    assert kinds[-6:] == ["cancel-requested", "run", "undoing", "warrant", "run", "undone"]
    (asked,) = (event for event in events if event["kind"] == "cancel-requested")
    assert (asked["actor"], asked["reason"]) == ("human:alice", "The wrong one.")
    run = next(event for event in events if event["kind"] == "run")
    assert run["stopped"]
    assert run["hosts"]["web-03"]["message"] == "It was stopped during Work."


def test_many_tasks_on_many_hosts_are_few_entries(steps: Steps, action: Action) -> None:
    tasks = "".join(f"    - name: Task {n}\n      ansible.builtin.debug: {{msg: {n}}}\n" for n in range(40))
    do = (action.folder / "do.yml").read_text().partition("    - name: Work")[0]
    (action.folder / "do.yml").write_text(do + tasks)
    (action.folder / "verify.yml").unlink()
    change = steps.execute(steps.propose(Intent.of("steps", ["web-03", "db-02"])))
    assert change.state is State.SUCCEEDED
    story = steps.gate.story(change.id)
    told = [entry for entry in story if entry.kind == "progress"]
    begun, over = (next(entry.at for entry in story if entry.kind == kind) for kind in ("warrant", "run"))
    seconds = (from_stamp(over) - from_stamp(begun)).total_seconds()
    assert len(told) <= seconds / 0.25 + 2
    ended = [mark for mark in marks(steps.gate.events(change.id).events) if mark[2] == "ok"]
    assert len(ended) == 2 * 41
    steps.check_the_books()
