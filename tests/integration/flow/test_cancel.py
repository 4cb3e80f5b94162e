"""Cancelling at any moment: what waits is withdrawn, what runs is really stopped, and nothing is left half known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.changes.model import Change, State
from gate.flow import runs
from gate.flow.cancel import cancel, stopped
from gate.flow.recover import recover
from gate.flow.undo import undo
from gate.identity.scopes import Identity
from gate.intent import Intent
from gate.values.actor import Actor, ActorKind
from gate.values.errors import GateError, IdentityError, IntentError, NotFoundError, StateError

if TYPE_CHECKING:
    Steps = Any
    Action = Any
AGENT, OTHER = Actor(ActorKind.AGENT, "planner"), Actor(ActorKind.AGENT, "other")
ALICE = Actor(ActorKind.HUMAN, "alice")


def stop(steps: Steps, change: Change, actor: Actor = ALICE, **options: Any) -> Change:
    return cancel(steps.site, change.id, actor, reason="It is the wrong one.", **options)


def test_what_waits_or_is_ready_is_withdrawn(steps: Steps, action: Action, wish: Intent) -> None:
    for targets in (["web-03"], ["web-01"]):
        change = steps.propose(Intent.of("steps", targets))
        assert change.state in {State.READY, State.WAITING}
        assert stop(steps, change).state is State.WITHDRAWN
        assert steps.kinds(change)[-1] == "withdrawn"
        assert steps.execute(change).state is State.WITHDRAWN
        assert steps.phases(change) == []
        with pytest.raises(StateError, match="is withdrawn; only what waits or runs"):
            stop(steps, change)


def test_a_preview_that_is_being_made_is_stopped_too(
    steps: Steps, action: Action, eventually: Callable[[Callable[[], object]], None]
) -> None:
    from gate.flow.preview import preview

    waits = "    - name: Work\n      ansible.builtin.wait_for: {path: /never, timeout: 60}\n      check_mode: false\n"
    head = (action.folder / "do.yml").read_text().partition("    - name: Work")[0]
    (action.folder / "do.yml").write_text(head + waits)
    change = steps.propose(Intent.of("steps", ["web-01"]))
    thread = threading.Thread(target=preview, args=(steps.site, change.id))
    thread.start()
    eventually(lambda: any(b"Work" in path.read_bytes() for path in steps.site.state.glob("runs/*/artifacts/*.jsonl")))
    assert stop(steps, change).state is State.WITHDRAWN
    thread.join(60)
    assert not thread.is_alive()
    (check,) = steps.gate.runs(change.id)
    assert check["outcome"]["stopped"]
    assert steps.gate.change(change.id).state is State.WITHDRAWN
    steps.check_the_books()


def test_what_runs_is_stopped_in_its_task_and_taken_back(steps: Steps, action: Action, wish: Intent) -> None:
    change = steps.propose(wish)
    action.let("undo")
    with steps.executing(change):
        action.at_work("do")
        assert stop(steps, change).state is State.RUNNING
        assert stop(steps, change).state is State.RUNNING  # asking twice is asking once
    assert steps.gate.change(change.id).state is State.UNDONE
    assert steps.phases(change) == ["do", "undo"]
    assert action.done("undo")
    action.let("do")
    time.sleep(0.3)
    assert not action.done("do")
    assert steps.kinds(change) == [
        *("proposed", "decided", "started", "warrant", "evidence", "cancel-requested", "run"),
        *("undoing", "warrant", "run", "undone"),
    ]
    asked = next(entry for entry in steps.gate.story(change.id) if entry.kind == "cancel-requested")
    do, _ = steps.gate.runs(change.id)
    assert (asked.actor, dict(asked.data)) == (
        "human:alice",
        {"reason": "It is the wrong one.", "force": False, "run": do["id"], "phase": "do"},
    )
    assert do["outcome"]["stopped"]
    assert do["outcome"]["hosts"]["web-03"]["message"] == "It was stopped during Work."
    (measured,) = stopped(steps.gate.story(change.id))
    assert (measured.run, measured.phase) == (do["id"], "do")
    assert measured.after_s is not None
    steps.check_the_books()


def test_without_a_way_back_of_its_own_it_failed_and_can_be_undone(steps: Steps, action: Action, wish: Intent) -> None:
    action.write(on_failure="stop")
    change = steps.propose(wish)
    with steps.executing(change):
        action.at_work("do")
        stop(steps, change)
    assert steps.gate.change(change.id).state is State.FAILED
    assert steps.phases(change) == ["do"]
    action.let("undo")
    assert steps.execute(steps.gate.undo(change.id)).state is State.SUCCEEDED
    assert steps.gate.change(change.id).state is State.UNDONE
    steps.check_the_books()


def test_what_may_go_on_on_its_host_is_unknown_and_holds_it(steps: Steps, action: Action, wish: Intent) -> None:
    variables = steps.gate.folder.inventory / "group_vars" / "all.yml"
    text = variables.read_text()
    # reached through a variable: Ansible ends up on this machine, but nobody can rely on that
    variables.write_text(text.replace("ansible_connection: local", "way: local\nansible_connection: '{{ way }}'"))
    change = steps.propose(wish)
    with steps.executing(change):
        action.at_work("do")
        stop(steps, change)
    assert steps.gate.change(change.id).state is State.UNKNOWN
    said = steps.gate.runs(change.id)[0]["outcome"]["hosts"]["web-03"]["message"]
    assert "may have gone on on the host" in said
    behind = steps.execute(steps.propose(wish))
    assert behind.waiting_for == "hold"


def test_a_verification_is_stopped_and_what_was_done_is_taken_back(steps: Steps, action: Action, wish: Intent) -> None:
    action.let("do", "undo")
    change = steps.propose(wish)
    with steps.executing(change):
        action.at_work("verify")
        stop(steps, change)
    assert steps.gate.change(change.id).state is State.UNDONE
    assert steps.phases(change) == ["do", "verify", "undo"]
    assert not action.done("verify")


@pytest.mark.parametrize(
    ("on_failure", "state", "phases"), [("undo", "undone", ["do", "undo"]), ("stop", "failed", ["do"])]
)
def test_between_do_and_verify_nothing_is_verified_any_more(
    steps: Steps, action: Action, wish: Intent, on_failure: str, state: str, phases: list[str]
) -> None:
    action.write(on_failure=on_failure)
    action.let("do", "undo")
    change = steps.propose(wish)
    steps.run(steps.start_and_die(change))  # the gate died between the two
    with steps.site.database.read() as connection:
        (do,) = runs.open_runs(connection, change.id)
    runs.close(steps.site, do.id, steps.site.executor.outcome(do.id, change.hosts))
    stop(steps, change)
    recover(steps.site, change.id)
    assert (steps.gate.change(change.id).state.value, steps.phases(change)) == (state, phases)
    asked = next(entry for entry in steps.gate.story(change.id) if entry.kind == "cancel-requested")
    assert (asked.data["run"], asked.data["phase"]) == (None, None)
    assert stopped(steps.gate.story(change.id)) == []
    steps.check_the_books()


def test_what_was_done_before_it_could_be_stopped_has_succeeded(steps: Steps, action: Action, wish: Intent) -> None:
    action.write(verify=False)
    action.let("do")
    change = steps.propose(wish)
    steps.run(steps.start_and_die(change))
    stop(steps, change)
    recover(steps.site, change.id)
    assert steps.gate.change(change.id).state is State.SUCCEEDED
    assert not steps.gate.runs(change.id)[0]["outcome"]["stopped"]
    steps.check_the_books()


def test_a_run_that_was_issued_and_not_begun_never_begins(steps: Steps, action: Action, wish: Intent) -> None:
    change = steps.propose(wish)
    warrant = steps.start_and_die(change)
    stop(steps, change)
    steps.run(warrant)
    recover(steps.site, change.id)
    assert steps.gate.change(change.id).state is State.FAILED
    assert not action.mark("do-at-work").exists()
    (do,) = steps.gate.runs(change.id)
    assert (do["outcome"]["began"], do["outcome"]["stopped"]) == (False, True)
    steps.check_the_books()


def test_taking_back_is_stopped_by_force_alone(steps: Steps, action: Action, wish: Intent) -> None:
    change = steps.propose(wish)
    with steps.executing(change):
        action.at_work("do")
        stop(steps, change)
        action.at_work("undo")
        with pytest.raises(StateError, match="is taking something back"):
            stop(steps, change)
        with pytest.raises(IdentityError, match="by force"):
            stop(steps, change, AGENT, force=True)
        stop(steps, change, force=True)
    assert steps.gate.change(change.id).state is State.UNDO_FAILED
    assert not action.done("undo")
    assert [one.phase for one in stopped(steps.gate.story(change.id))] == ["do", "undo"]
    steps.check_the_books()


def test_by_force_nothing_is_taken_back_either(steps: Steps, action: Action, wish: Intent) -> None:
    change = steps.propose(wish)
    with steps.executing(change):
        action.at_work("do")
        stop(steps, change, force=True)
    assert steps.gate.change(change.id).state is State.FAILED
    assert steps.phases(change) == ["do"]
    action.let("undo")
    assert steps.execute(steps.gate.undo(change.id)).state is State.SUCCEEDED


def test_an_undo_is_stopped_by_force_alone_and_its_original_says_so(steps: Steps, action: Action, wish: Intent) -> None:
    action.let("do", "verify")
    original = steps.execute(steps.propose(wish))
    assert original.state is State.SUCCEEDED
    back = undo(steps.site, original.id, ALICE)
    with steps.executing(back):
        action.at_work("undo")
        with pytest.raises(StateError, match=f"gate cancel {back.id} --force") as refused:
            stop(steps, original, force=True)
        assert "does not run" in str(refused.value)
        with pytest.raises(StateError, match="taking something back"):
            stop(steps, back)
        stop(steps, back, force=True)
    assert steps.gate.change(back.id).state is State.FAILED
    assert steps.gate.change(original.id).state is State.UNDO_FAILED
    steps.check_the_books()


def test_who_asked_for_it_may_cancel_it_and_another_agent_never(steps: Steps, action: Action, wish: Intent) -> None:
    with pytest.raises(IdentityError):
        stop(steps, steps.propose(wish), OTHER)
    assert stop(steps, steps.propose(wish), AGENT).state is State.WITHDRAWN
    change = steps.propose(wish)
    every = frozenset({"propose", "read", "operate", "admin"})
    with steps.executing(change):
        action.at_work("do")
        for identity in (
            Identity(OTHER, every),  # no token can carry that, and it would not help
            Identity(ALICE, frozenset({"propose", "read"})),
            Identity(AGENT, frozenset({"read"})),
        ):
            with pytest.raises(IdentityError):
                steps.gate.cancel_for(identity, change.id)
        assert "cancel-requested" not in steps.kinds(change)
        action.let("undo")
        steps.gate.cancel_for(Identity(AGENT, frozenset({"propose"})), change.id, reason="I was wrong.")
    assert steps.gate.change(change.id).state is State.UNDONE


@pytest.mark.parametrize("reason", ["a\nb", "{{ 1 }}", "x" * 501, "\u202e", "\x1b[2J", "\ud800"])
def test_a_reason_is_a_line_of_text(steps: Steps, action: Action, wish: Intent, reason: str) -> None:
    change = steps.propose(wish)
    with pytest.raises(IntentError):
        cancel(steps.site, change.id, ALICE, reason=reason)
    assert steps.gate.change(change.id).state is State.READY


def test_what_is_not_there_cannot_be_cancelled(steps: Steps) -> None:
    with pytest.raises(NotFoundError):
        cancel(steps.site, "chg-nothing", ALICE)


def test_what_comes_after_it_in_its_plan_is_withdrawn(steps: Steps, action: Action, wish: Intent) -> None:
    from gate.flow.plan import propose_plan

    action.let("undo")
    step = wish.as_json()
    first, second = propose_plan(
        steps.site, [{"id": "a", "intent": step}, {"id": "b", "intent": step, "after": ["a"]}], AGENT
    )
    with steps.executing(first):
        action.at_work("do")
        stop(steps, first)
    assert steps.gate.change(second.id).state is State.WITHDRAWN


def test_a_change_whose_gate_has_died_is_carried_to_its_end_by_whoever_cancels_it(
    steps: Steps, action: Action, wish: Intent
) -> None:
    action.let("undo")
    change = steps.propose(wish)
    warrant = steps.start_and_die(change)
    thread = threading.Thread(target=steps.run, args=(warrant,))  # its worker lives on
    thread.start()
    action.at_work("do")
    steps.gate.cancel(change.id, reason="Its gate is dead.")
    assert steps.gate.change(change.id).state is State.UNDONE
    thread.join(60)
    steps.check_the_books()


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(12))
def test_at_any_moment_the_end_is_known_and_the_books_are_sound(
    steps: Steps, action: Action, wish: Intent, moment: int
) -> None:
    action.let("do", "verify", "undo")
    change = steps.propose(wish)
    refused: list[GateError] = []

    def later() -> None:
        time.sleep(moment * 0.25)
        try:
            stop(steps, change)
        except StateError as wrong:  # at rest already, or being taken back
            refused.append(wrong)

    thread = threading.Thread(target=later)
    thread.start()
    with steps.executing(change):
        pass
    thread.join(60)
    state = steps.gate.change(change.id).state
    marks = [action.done(phase) for phase in ("do", "undo")]
    phases = steps.phases(change)
    assert state in {State.WITHDRAWN, State.SUCCEEDED, State.UNDONE, State.FAILED}, state
    assert len(phases) == len(set(phases))
    if state is State.SUCCEEDED:
        assert marks == [True, False]
    if state is State.UNDONE:
        assert marks[1]
    if state in {State.WITHDRAWN, State.FAILED}:
        assert marks == [False, False]
    with steps.site.database.read() as connection:
        assert [run for run in runs.of_change(connection, change.id) if run.outcome is None] == []
    steps.check_the_books()


def test_a_stop_between_the_seal_and_the_end_of_a_run_is_no_tampering(
    steps: Steps, action: Action, wish: Intent, monkeypatch: pytest.MonkeyPatch
) -> None:
    action.write(verify=False)
    action.let("do")
    change = steps.propose(wish)
    warrant = steps.start_and_die(change)
    steps.run(warrant)
    outcome = steps.site.executor.outcome(warrant.run_id, change.hosts)
    seal = runs.artifacts.seal

    def seal_and_ask(folder: Path, *, under: Path) -> Any:
        sealed = seal(folder, under=under)
        (folder / "stop").touch()  # as if its result had not been there a moment ago
        return sealed

    monkeypatch.setattr(runs.artifacts, "seal", seal_and_ask)
    runs.close(steps.site, warrant.run_id, outcome)
    monkeypatch.undo()
    recover(steps.site, change.id)
    steps.check_the_books()
