"""Taking back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.app import Gate
from gate.changes.model import State
from gate.flow.undo import undo
from gate.intent import Intent
from gate.values.errors import UndoError

if TYPE_CHECKING:
    Steps = Any
Wish = Callable[..., Intent]
File = Callable[..., Path]
FAIL = "- name: Fail\n  hosts: all\n  gather_facts: false\n  tasks:\n"
FAIL += "    - name: Fail\n      ansible.builtin.fail: {msg: It is not well.}\n"


def playbook(site: Path, name: str) -> Path:
    return site / "playbooks" / "set_config_value" / name


def test_a_failed_verification_takes_the_change_back(steps: Steps, workers: Wish, site: Path, app_ini: File) -> None:
    before = app_ini("web-03").read_bytes()
    playbook(site, "verify.yml").write_text(FAIL)
    change = steps.execute(steps.propose(workers("web-03")))
    assert change.state is State.UNDONE
    assert steps.phases(change) == ["do", "verify", "undo"]
    assert app_ini("web-03").read_bytes() == before
    assert steps.gate.verify()[0].sound
    with pytest.raises(UndoError):
        steps.gate.undo(change.id)


def test_an_undo_that_fails_is_told_and_can_be_tried_again(
    steps: Steps, workers: Wish, site: Path, app_ini: File
) -> None:
    good = {name: playbook(site, name).read_text() for name in ("verify.yml", "undo.yml")}
    before = app_ini("web-03").read_bytes()
    for name in good:
        playbook(site, name).write_text(FAIL)
    change = steps.execute(steps.propose(workers("web-03")))
    assert change.state is State.UNDO_FAILED
    assert app_ini("web-03").read_bytes() != before
    for name, text in good.items():
        playbook(site, name).write_text(text)
    again = steps.execute(steps.gate.undo(change.id))
    assert again.state is State.SUCCEEDED
    assert steps.gate.change(change.id).state is State.UNDONE
    assert app_ini("web-03").read_bytes() == before


def test_a_change_that_failed_before_its_evidence_changed_nothing_and_has_no_undo(
    steps: Steps, workers: Wish, site: Path
) -> None:
    (site / "hosts" / "web-03").rename(site / "hosts" / "gone")
    change = steps.execute(steps.propose(workers("web-03")))
    assert change.state is State.FAILED
    assert steps.phases(change) == ["do"]
    with pytest.raises(UndoError, match="nothing to restore from"):
        steps.gate.undo(change.id)


def test_a_partial_failure_takes_back_what_was_done(steps: Steps, workers: Wish, site: Path, app_ini: File) -> None:
    before = app_ini("web-03").read_bytes()
    (site / "hosts" / "db-02").rename(site / "hosts" / "gone")
    change = steps.execute(steps.propose(workers("web-03", "db-02")))
    assert change.state is State.UNDONE
    assert app_ini("web-03").read_bytes() == before


def test_an_undo_is_refused_after_a_later_change_of_the_same_thing(steps: Steps, workers: Wish, app_ini: File) -> None:
    first = steps.execute(steps.propose(workers("web-03", value="8")))
    second = steps.execute(steps.propose(workers("web-03", value="9")))
    with pytest.raises(UndoError, match="stale") as refused:
        steps.gate.undo(first.id)
    assert second.id in refused.value.why
    assert steps.gate.entries(1)[0].kind == "refused"
    waiting = steps.gate.undo(second.id)
    with pytest.raises(UndoError, match="being undone already"):
        steps.gate.undo(second.id)
    assert steps.execute(waiting).state is State.SUCCEEDED
    assert "workers = 8" in app_ini("web-03").read_text()
    assert steps.execute(steps.gate.undo(first.id)).state is State.SUCCEEDED
    assert "workers = 4" in app_ini("web-03").read_text()


def test_an_undo_is_checked_again_when_it_starts(steps: Steps, workers: Wish, app_ini: File) -> None:
    first = steps.execute(steps.propose(workers("web-03", value="8")))
    undoing = steps.gate.undo(first.id)
    steps.execute(steps.propose(workers("web-03", value="9")))
    assert steps.execute(undoing).state is State.DENIED
    assert steps.gate.change(first.id).state is State.SUCCEEDED
    assert "workers = 9" in app_ini("web-03").read_text()


def test_evidence_is_honoured_for_its_window_only(steps: Steps, workers: Wish) -> None:
    change = steps.execute(steps.propose(workers("web-03")))
    with pytest.raises(UndoError, match="too old"):
        undo(steps.later(timedelta(days=8)), change.id, steps.gate.actor)
    undoing = steps.gate.undo(change.id)
    assert steps.execute(undoing, later=timedelta(days=8)).state is State.DENIED


@pytest.mark.parametrize("wish", [{"hosts": ("db-01",)}, {"hosts": ("web-01",)}])
def test_what_did_not_run_cannot_be_undone(steps: Steps, workers: Wish, wish: dict[str, Any]) -> None:
    with pytest.raises(UndoError, match="nothing to undo"):
        steps.gate.undo(steps.propose(workers(*wish["hosts"])).id)


def test_a_file_that_was_edited_by_hand_since_is_not_overwritten(steps: Steps, workers: Wish, app_ini: File) -> None:
    change = steps.execute(steps.propose(workers("web-03")))
    edited = app_ini("web-03").read_text().replace("workers = 8", "workers = 16")
    app_ini("web-03").write_text(edited)
    after = steps.execute(steps.gate.undo(change.id))
    assert after.state is State.FAILED
    assert steps.gate.change(change.id).state is State.UNDO_FAILED
    assert app_ini("web-03").read_text() == edited


def test_two_changes_on_one_host_run_one_after_the_other(gate: Gate, ask: Any, workers: Wish, app_ini: File) -> None:
    both = ask(workers("web-03", value="8")), ask(workers("web-03", value="9", key="threads"))
    for change in both:
        assert gate.wait(change.id, 60).state is State.SUCCEEDED
    first, second = sorted(  # both are ready, so either may have been the quicker one
        ({entry.kind: entry.seq for entry in gate.story(change.id)} for change in both),
        key=lambda seqs: seqs["started"],
    )
    assert second["started"] > first["succeeded"]
    assert "workers = 8" in app_ini("web-03").read_text()
    assert "threads = 9" in app_ini("web-03").read_text()
