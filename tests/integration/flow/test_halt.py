"""The kill switch: nothing starts, what runs is cancelled, and only a person lets go on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.exc import IntegrityError

from gate.changes import halt as halts
from gate.changes.model import State
from gate.flow.halt import halt, resume, standstill
from gate.flow.jobs import Jobs
from gate.flow.undo import undo
from gate.identity.scopes import Identity
from gate.intent import Intent
from gate.values.actor import Actor, ActorKind
from gate.values.errors import DatabaseError, IdentityError, IntentError, StateError

if TYPE_CHECKING:
    Steps = Any
    Action = Any
    Eventually = Any
AGENT, ALICE = Actor(ActorKind.AGENT, "planner"), Actor(ActorKind.HUMAN, "alice")


def test_nothing_starts_while_a_halt_stands(steps: Steps, action: Action, wish: Intent) -> None:
    action.let("do", "verify")
    before, shown = steps.propose(wish), steps.propose(Intent.of("steps", ["web-01"]))
    assert halt(steps.site, ALICE, reason="Something is wrong.") == []
    after = steps.propose(wish)
    assert Jobs(steps.site).pending() == []
    for change in (before, after):
        assert steps.execute(change).state is State.READY
    assert steps.preview(shown).preview is None
    Jobs(steps.site).work("execute", before.id)
    assert [steps.phases(change) for change in (before, after, shown)] == [[], [], []]
    stands = steps.gate.halted()
    assert stands is not None
    assert (stands.actor, stands.reason, stands.force) == ("human:alice", "Something is wrong.", False)

    stood = resume(steps.site, ALICE, reason="It was the network.")
    assert stood == stands
    assert steps.gate.halted() is None
    assert ("execute", before.id) in Jobs(steps.site).pending()
    assert ("preview", shown.id) in Jobs(steps.site).pending()
    assert steps.execute(before).state is State.SUCCEEDED
    halted, resumed = (entry for entry in steps.gate.entries(100) if entry.kind in {"halted", "resumed"})
    assert (halted.actor, halted.data["reason"], halted.data["stops"]) == ("human:alice", "Something is wrong.", [])
    assert (resumed.actor, resumed.data["reason"]) == ("human:alice", "It was the network.")
    steps.check_the_books()


def test_what_runs_is_cancelled_and_taken_back_where_its_action_says_so(
    steps: Steps, action: Action, wish: Intent
) -> None:
    action.let("undo")
    change = steps.propose(wish)
    with steps.executing(change):
        action.at_work("do")
        assert halt(steps.site, ALICE, reason="Stop it all.") == [change.id]
        assert standstill(steps.site, [change.id]).after_s is None or action.done("undo")
    assert steps.gate.change(change.id).state is State.UNDONE
    asked = next(entry for entry in steps.gate.story(change.id) if entry.kind == "cancel-requested")
    assert (asked.actor, asked.data["reason"]) == ("human:alice", "halt: Stop it all.")
    stands = standstill(steps.site, [change.id])
    assert stands.after_s is not None
    ((stopped, (do,)),) = stands.changes
    assert (stopped.state, do.phase) == (State.UNDONE, "do")
    assert 0 <= do.after_s <= stands.after_s
    steps.check_the_books()


def test_what_takes_something_back_goes_on_unless_it_is_forced(steps: Steps, action: Action, wish: Intent) -> None:
    action.let("do", "verify")
    original = steps.execute(steps.propose(wish))
    back = undo(steps.site, original.id, ALICE)
    with steps.executing(back):
        action.at_work("undo")
        assert halt(steps.site, ALICE, reason="Stop.") == []
        assert steps.gate.change(back.id).state is State.RUNNING
        assert halt(steps.site, ALICE, reason="Really.", force=True) == [back.id]
    assert steps.gate.change(back.id).state is State.FAILED
    assert steps.gate.change(original.id).state is State.UNDO_FAILED
    assert not action.done("undo")
    assert halt(steps.site, ALICE, reason="Still.") == []
    stands = steps.gate.halted()
    assert stands is not None
    assert stands.force  # it does not become weaker by being said again
    steps.check_the_books()


def test_by_force_nothing_is_taken_back(steps: Steps, action: Action, wish: Intent) -> None:
    change = steps.propose(wish)
    with steps.executing(change):
        action.at_work("do")
        halt(steps.site, ALICE, reason="Stop.", force=True)
    assert steps.gate.change(change.id).state is State.FAILED
    assert steps.phases(change) == ["do"]


def test_a_preview_is_stopped_and_made_again_after_the_halt(
    steps: Steps, action: Action, eventually: Eventually
) -> None:
    from gate.flow.preview import preview

    do = (action.folder / "do.yml").read_text()
    waits = "    - name: Work\n      ansible.builtin.wait_for: {path: '{{ gate_root }}/seen', timeout: 60}\n"
    (action.folder / "do.yml").write_text(do.partition("    - name: Work")[0] + waits + "      check_mode: false\n")
    change = steps.propose(Intent.of("steps", ["web-01"]))
    thread = threading.Thread(target=preview, args=(steps.site, change.id))
    thread.start()
    eventually(lambda: any(b"Work" in path.read_bytes() for path in steps.site.state.glob("runs/*/artifacts/*.jsonl")))
    halt(steps.site, ALICE, reason="Stop.")
    thread.join(60)
    shown = steps.gate.change(change.id)
    assert (shown.state, shown.preview, shown.executor) == (State.WAITING, None, None)
    resume(steps.site, ALICE, reason="Go on.")
    action.mark("seen", "web-01").touch()
    assert steps.preview(change).preview is not None
    assert steps.phases(change) == ["check", "check"]
    steps.check_the_books()


def test_what_a_dead_gate_left_behind_is_stopped_and_carried_to_its_end(
    steps: Steps, action: Action, wish: Intent
) -> None:
    action.let("undo")
    change = steps.propose(wish)
    thread = threading.Thread(target=steps.run, args=(steps.start_and_die(change),))
    thread.start()
    action.at_work("do")
    assert steps.gate.halt(reason="Its gate is dead.") == [change.id]
    thread.join(60)
    assert steps.gate.change(change.id).state is State.UNDONE


def test_halting_and_resuming_is_for_people_who_operate(steps: Steps, action: Action, wish: Intent) -> None:
    for deed in (halt, resume):
        with pytest.raises(IdentityError):
            deed(steps.site, AGENT, reason="x")
        with pytest.raises(IdentityError):
            deed(steps.site, Actor(ActorKind.SCHEDULE, "nightly"), reason="x")
        with pytest.raises(IntentError):
            deed(steps.site, ALICE, reason="a\nb")
    steps.gate.identity = Identity(ALICE, frozenset({"propose", "read", "admin", "approve:sre"}))
    for method in (steps.gate.halt, steps.gate.resume):
        with pytest.raises(IdentityError, match="operate"):
            method(reason="x")
    assert steps.gate.halted() is None


def test_without_a_halt_there_is_nothing_to_resume(steps: Steps) -> None:
    with pytest.raises(StateError, match="There is no halt"):
        resume(steps.site, ALICE, reason="x")


def test_no_agent_can_halt_even_past_the_code(steps: Steps) -> None:
    stands = halts.Halt(at=steps.site.clock.now(), actor="agent:planner", reason="x", force=False)
    with pytest.raises(DatabaseError) as refused, steps.site.database.write() as connection:
        halts.put(connection, stands)
    assert isinstance(refused.value.__cause__, IntegrityError)


@pytest.mark.slow
def test_a_start_and_a_halt_at_once_leave_nothing_running(steps: Steps, action: Action, wish: Intent) -> None:
    action.let("do", "verify", "undo")
    for number in range(6):
        change = steps.propose(wish)
        thread = threading.Timer(number * 0.03, halt, [steps.site, ALICE], {"reason": "Now."})
        thread.start()
        with steps.executing(change):
            pass
        thread.join(60)
        state = steps.gate.change(change.id).state
        assert state in {State.READY, State.FAILED, State.UNDONE, State.SUCCEEDED}
        if state is State.READY:
            assert steps.phases(change) == []
        resume(steps.site, ALICE, reason="Next.")
        if state is State.READY:
            steps.gate.cancel(change.id)
    steps.check_the_books()
