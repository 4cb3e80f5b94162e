"""What an undo would do is looked at by running it in check mode, and nothing is changed by that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.changes import past
from gate.changes.model import LOOKS, State
from gate.execution.outcome import Status
from gate.flow.halt import halt
from gate.flow.undo import undo
from gate.intent import Intent
from gate.values.actor import Actor
from gate.values.errors import StateError, UndoError
from gate.warrant.model import Phase

if TYPE_CHECKING:
    Steps = Any
Wish = Callable[..., Intent]
File = Callable[..., Path]


def test_it_shows_the_difference_and_changes_nothing(steps: Steps, workers: Wish, app_ini: File) -> None:
    change = steps.execute(steps.propose(workers("db-02", "web-03", value="7")))
    after = app_ini("web-03").read_bytes()
    seen = steps.gate.check_undo(change.id, hosts=["web-03"])
    assert seen.status is Status.SUCCEEDED
    assert set(seen.hosts) == {"web-03"}
    assert "workers = 7" in str(seen.as_json()["diff"])
    assert app_ini("web-03").read_bytes() == after
    assert steps.gate.change(change.id).state is State.SUCCEEDED
    assert steps.phases(change) == ["do", "verify", "check-undo"]
    assert steps.execute(steps.gate.undo(change.id)).state is State.SUCCEEDED
    steps.check_the_books()


def test_an_undo_that_would_stop_says_so(steps: Steps, workers: Wish, app_ini: File) -> None:
    change = steps.execute(steps.propose(workers("web-03", value="7")))
    app_ini("web-03").write_text("[server]\nworkers = 99\n")
    seen = steps.gate.check_undo(change.id)
    assert seen.status is Status.FAILED
    assert "stale" in seen.hosts["web-03"].message


def test_who_may_not_undo_may_not_look(steps: Steps, workers: Wish, site: Path) -> None:
    change = steps.execute(steps.propose(workers("web-03", value="7")))
    rules = site / "rules" / "never.yml"
    rules.write_text("- rule: never\n  when: {undo: yes}\n  then: deny\n  because: Nothing is taken back.\n")
    with pytest.raises(UndoError) as refused:
        steps.gate.check_undo(change.id)
    assert "never: Nothing is taken back." in refused.value.why
    assert steps.phases(change) == ["do", "verify"]


def test_while_the_site_is_halted_nothing_is_started(steps: Steps, workers: Wish) -> None:
    change = steps.execute(steps.propose(workers("web-03", value="7")))
    halt(steps.site, Actor.parse("human:alice"), reason="Stop.")
    with pytest.raises(StateError, match="halted"):
        steps.gate.check_undo(change.id)
    assert steps.phases(change) == ["do", "verify"]


def test_a_preview_is_no_beginning(steps: Steps, workers: Wish, site: Path) -> None:
    assert {phase.value for phase in Phase if phase.only_looks} == set(LOOKS)
    change = steps.execute(steps.propose(workers("web-03", value="7")))
    rules = "- rule: asks\n  when: {undo: yes}\n  then: {needs_approval: {from: sre, expires: 4h}}\n  because: No.\n"
    (site / "rules" / "asks.yml").write_text(rules)
    asked = steps.preview(undo(steps.site, change.id, Actor.parse("agent:planner")))
    with steps.site.database.read() as connection:
        found = past.read(connection, past.Reach(open=True), actor="x", action="y", hosts=[])
    assert [(one.id, one.started_at) for one in found if one.id == asked.id] == [(asked.id, None)]


def test_an_action_without_a_preview_has_none_here_either(steps: Steps, workers: Wish, site: Path) -> None:
    manifest = site / "playbooks" / "set_config_value" / "action.yml"
    manifest.write_text(manifest.read_text().replace("check: full", "check: none"))
    change = steps.execute(steps.propose(workers("web-03", value="7")))
    assert steps.gate.check_undo(change.id) is None


def test_an_undo_that_people_are_asked_for_is_shown_to_them(steps: Steps, workers: Wish, site: Path) -> None:
    (site / "rules" / "asks.yml").write_text(
        "- rule: asks\n  when: {undo: yes}\n  then: {needs_approval: {from: sre, expires: 4h}}\n"
        "  because: Somebody looks.\n"
    )
    change = steps.execute(steps.propose(workers("web-03", value="7")))
    asked = undo(steps.site, change.id, Actor.parse("agent:planner"))
    assert asked.state is State.WAITING
    steps.preview(asked)
    card = steps.gate.card(asked.id).as_json()
    assert card["preview_state"] == "made"
    assert "workers = 7" in str(card["preview"]["diff"])
    assert steps.phases(asked) == ["check-undo"]
