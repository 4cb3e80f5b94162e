"""What was approved is what runs, or it waits again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.changes.model import State, WaitingFor
from gate.flow.execute import carry_on, start
from gate.flow.expire import expire
from gate.flow.runs import perform
from gate.intent import Intent
from gate.values.errors import ApprovalError, StateError

if TYPE_CHECKING:
    Steps = Any
Wish = Callable[..., Intent]
File = Callable[..., Path]


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def the_playbook(site: Path) -> None:
    _append(site / "playbooks" / "set_config_value" / "do.yml", "# more\n")


def the_undo(site: Path) -> None:
    _append(site / "playbooks" / "set_config_value" / "undo.yml", "# more\n")


def a_module(site: Path) -> None:
    _append(site / "playbooks" / "set_config_value" / "library" / "config_value.py", "# more\n")


def the_rules(site: Path) -> None:
    more = "- {rule: more, when: {target: web-02}, then: deny, because: Another host is closed.}\n"
    _append(site / "rules" / "rules.yml", more)


def the_inventory(site: Path) -> None:
    _append(site / "inventory" / "group_vars" / "all.yml", "more: 1\n")


@pytest.mark.parametrize("edit", [the_playbook, the_undo, a_module, the_rules, the_inventory])
def test_an_approval_is_void_when_something_changed_before_the_start(
    steps: Steps, workers: Wish, site: Path, app_ini: File, edit: Callable[[Path], None]
) -> None:
    change = steps.approved(workers("web-01"))
    assert change.state is State.READY
    edit(site)
    after = steps.execute(change)
    assert (after.state, after.waiting_for) == (State.WAITING, WaitingFor.APPROVAL)
    assert after.preview is None
    assert after.binding != change.binding
    assert steps.kinds(change)[-1] == "approval-void"
    assert steps.phases(change) == ["check"]
    assert "workers = 4" in app_ini("web-01").read_text()


def test_after_a_void_approval_a_new_look_and_a_new_yes_are_needed(
    steps: Steps, workers: Wish, site: Path, app_ini: File
) -> None:
    change = steps.approved(workers("web-01"))
    the_playbook(site)
    steps.execute(change)
    with pytest.raises(ApprovalError, match="preview"):
        steps.approve(change)
    steps.preview(change)
    assert steps.approve(change).state is State.READY
    assert steps.execute(change).state is State.SUCCEEDED
    assert "workers = 8" in app_ini("web-01").read_text()


def test_a_yes_to_what_was_shown_before_is_refused(steps: Steps, workers: Wish, site: Path, app_ini: File) -> None:
    change = steps.preview(steps.propose(workers("web-01")))
    app_ini("web-01").write_text("[server]\nworkers = 5\n")  # the diff would be another one
    the_playbook(site)
    steps.approve(change)
    steps.execute(change)
    renewed = steps.preview(change)
    assert renewed.preview != change.preview
    from gate.flow.approve import approve
    from gate.values.actor import Actor, ActorKind

    with pytest.raises(ApprovalError, match="no longer what would run"):
        approve(steps.site, change.id, Actor(ActorKind.HUMAN, "bob"), binding=change.binding)


def test_an_approval_expires_before_the_start(steps: Steps, workers: Wish) -> None:
    change = steps.approved(workers("web-01"))
    after = steps.execute(change, later=timedelta(hours=2))
    assert (after.state, after.waiting_for) == (State.WAITING, WaitingFor.APPROVAL)


def test_what_nobody_approves_expires(steps: Steps, workers: Wish) -> None:
    change = steps.propose(workers("web-01"))
    assert expire(steps.later(timedelta(minutes=59))) == []
    assert expire(steps.later(timedelta(minutes=61))) == [change.id]
    assert steps.gate.change(change.id).state is State.EXPIRED
    with pytest.raises(StateError):
        steps.approve(change)


def test_what_is_denied_by_now_does_not_start(steps: Steps, workers: Wish, site: Path, app_ini: File) -> None:
    change = steps.propose(workers("web-03"))
    assert change.state is State.READY
    _append(site / "rules" / "rules.yml", "- {rule: no, when: {target: web-03}, then: deny, because: Closed now.}\n")
    after = steps.execute(change)
    assert after.state is State.DENIED
    assert "Closed now." in str(after.decision)
    assert steps.phases(change) == []


def test_what_needs_approval_by_now_waits_for_it(steps: Steps, workers: Wish, site: Path) -> None:
    change = steps.propose(workers("web-03"))
    ask = "- {rule: ask, when: {target: web-03}, then: {needs_approval: {from: sre, expires: 1h}}, because: Careful.}\n"
    _append(site / "rules" / "rules.yml", ask)
    after = steps.execute(change)
    assert (after.state, after.waiting_for) == (State.WAITING, WaitingFor.APPROVAL)
    assert steps.approve(steps.preview(change)).state is State.READY


def test_broken_rules_change_nothing_of_what_was_decided(
    steps: Steps, workers: Wish, site: Path, app_ini: File
) -> None:
    change = steps.propose(workers("web-03"))
    (site / "rules" / "rules.yml").write_text("- {rule: open, then: allow\n")
    assert steps.execute(change).state is State.SUCCEEDED
    assert steps.propose(workers("db-01")).state is State.DENIED
    assert steps.gate.change(change.id).decision["generation"] == change.decision["generation"]


def test_a_target_that_means_other_hosts_now_is_not_run(steps: Steps, site: Path, workers: Wish) -> None:
    change = steps.propose(workers("staging"))
    hosts = (site / "inventory" / "hosts.yml").read_text()
    (site / "inventory" / "hosts.yml").write_text(hosts.replace("        web-03:\n        db-02:", "        web-03:"))
    assert change.hosts == ("db-02", "web-03")
    assert steps.execute(change).state is State.DENIED
    assert steps.phases(change) == []


def test_an_action_that_is_gone_is_not_run(steps: Steps, site: Path, workers: Wish) -> None:
    change = steps.propose(workers("web-03"))
    (site / "playbooks" / "set_config_value").rename(site / "elsewhere")
    assert steps.execute(change).state is State.DENIED


def test_an_edit_after_the_warrant_is_refused_by_the_worker(
    steps: Steps, workers: Wish, site: Path, app_ini: File
) -> None:
    change = steps.propose(workers("web-03"))
    with steps.site.database.write() as connection:
        warrant = start(steps.site, connection, change.id, steps.site.inventory(), steps.site.clock.now())
    the_playbook(site)
    outcome = perform(steps.site, warrant)
    assert not outcome.began
    carry_on(steps.site, change.id)
    assert steps.gate.change(change.id).state is State.FAILED
    assert "workers = 4" in app_ini("web-03").read_text()


def test_a_change_starts_once(steps: Steps, workers: Wish) -> None:
    change = steps.propose(workers("web-03"))
    site = steps.site
    with site.database.write() as connection:
        assert start(site, connection, change.id, site.inventory(), site.clock.now()) is not None
    with site.database.write() as connection:
        assert start(site, connection, change.id, site.inventory(), site.clock.now()) is None


def test_a_quorum_needs_all_its_people(steps: Steps, workers: Wish, site: Path) -> None:
    two = "{needs_approval: {from: sre, count: 2, expires: 1h}}"
    both = f"- {{rule: two, when: {{target: web-01}}, then: {two}, because: Two.}}\n"
    _append(site / "rules" / "rules.yml", both)
    change = steps.preview(steps.propose(workers("web-01")))
    assert steps.approve(change, "alice").state is State.WAITING
    assert steps.approve(change, "alice").state is State.WAITING
    assert steps.approve(change, "bob").state is State.READY
