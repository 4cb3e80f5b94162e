"""A preview is shown again only where nothing it depends on can be another, as far as the gate can know."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.changes.model import Change, State
from gate.flow.preview import preview
from gate.flow.previewed import SHOWN_AGAIN_FOR
from gate.intent import Intent

if TYPE_CHECKING:
    Steps = Any
Wish = Callable[..., Intent]
MORE_RULES = "- {rule: more, when: {target: web-02}, then: deny, because: Another host is closed.}\n"


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def void(steps: Steps, site: Path, change: Change) -> Change:
    """New rules void what was approved; the change waits for a new look."""
    _append(site / "rules" / "rules.yml", MORE_RULES.replace("more", f"more-{len(steps.kinds(change))}"))
    after = steps.execute(change)
    assert (after.state, after.preview) == (State.WAITING, None)
    return after


def entries(steps: Steps, change: Change) -> list[Any]:
    return [entry for entry in steps.gate.story(change.id) if entry.kind == "previewed"]


def test_if_only_the_rules_are_others_the_preview_is_shown_again(steps: Steps, workers: Wish, site: Path) -> None:
    change = steps.approved(workers("web-01"))
    void(steps, site, change)
    again = steps.preview(change)
    assert steps.phases(change) == ["check"]
    assert again.preview == change.preview
    assert again.binding != change.binding
    first, second = entries(steps, change)
    assert second.data["run"] == first.data["run"]
    assert second.data["made_at"] == first.at
    card = steps.gate.card(change.id)
    assert card.preview_at == first.at
    assert "workers = 8" in str(card.preview)
    assert steps.approve(change).state is State.READY


def test_it_is_shown_again_once_more_and_keeps_the_time_at_which_it_was_made(
    steps: Steps, workers: Wish, site: Path
) -> None:
    change = steps.approved(workers("web-01"))
    for _ in range(2):
        void(steps, site, change)
        steps.preview(change)
        steps.approve(change)
    assert steps.phases(change) == ["check"]
    assert {entry.data.get("made_at") for entry in entries(steps, change)[1:]} == {entries(steps, change)[0].at}


@pytest.mark.parametrize(
    "edit", ["playbooks/set_config_value/do.yml", "playbooks/set_config_value/undo.yml", "inventory/group_vars/all.yml"]
)
def test_if_the_action_or_the_inventory_is_another_it_is_made_anew(
    steps: Steps, workers: Wish, site: Path, edit: str
) -> None:
    change = steps.approved(workers("web-01"))
    _append(site / edit, "# more\n")
    steps.execute(change)
    steps.preview(change)
    assert steps.phases(change) == ["check", "check"]


def test_if_a_playbook_was_at_work_on_one_of_the_hosts_it_is_made_anew(steps: Steps, workers: Wish, site: Path) -> None:
    change = steps.approved(workers("web-01"))
    other = steps.approved(workers("web-01", key="other"))
    assert steps.execute(other).state is State.SUCCEEDED
    void(steps, site, change)
    steps.preview(change)
    assert steps.phases(change) == ["check", "check"]


def test_work_on_another_host_does_not_matter(steps: Steps, workers: Wish, site: Path) -> None:
    change = steps.approved(workers("web-01"))
    assert steps.execute(steps.propose(workers("web-03"))).state is State.SUCCEEDED
    void(steps, site, change)
    steps.preview(change)
    assert steps.phases(change) == ["check"]


def test_after_some_minutes_it_is_made_anew(steps: Steps, workers: Wish, site: Path) -> None:
    change = steps.approved(workers("web-01"))
    void(steps, site, change)
    preview(steps.later(SHOWN_AGAIN_FOR + timedelta(seconds=1)), change.id)
    assert steps.phases(change) == ["check", "check"]


def test_a_preview_that_failed_is_not_shown_again(steps: Steps, workers: Wish, site: Path, app_ini: Any) -> None:
    app_ini("web-01").write_bytes(b"\0 no text")
    change = steps.preview(steps.propose(workers("web-01")))
    assert entries(steps, change)[0].data["status"] == "failed"
    steps.approve(change)
    void(steps, site, change)
    steps.preview(change)
    assert steps.phases(change) == ["check", "check"]


def test_another_change_never_gets_it(steps: Steps, workers: Wish) -> None:
    for change in (steps.preview(steps.propose(workers("web-01"))) for _ in range(2)):
        assert steps.phases(change) == ["check"]
