"""Taking back on some hosts, and taking many changes back as one plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.app import Gate
from gate.changes.model import Change, State
from gate.flow.submit import propose
from gate.intent import Intent
from gate.undo.radius import Radius
from gate.values.actor import Actor
from gate.values.errors import UndoError

if TYPE_CHECKING:
    Steps = Any
Wish = Callable[..., Intent]
File = Callable[..., Path]
AGENT, HUMAN = Actor.parse("agent:planner"), Actor.parse("human:alice")
HOSTS = ("db-02", "web-03")


@pytest.fixture
def done(steps: Steps) -> Callable[..., Change]:
    """Carries a wish out, in somebody's name."""

    def carry_out(wish: Intent, actor: Actor = AGENT) -> Change:
        change = steps.execute(propose(steps.site, wish, actor))
        assert change.state is State.SUCCEEDED
        return change

    return carry_out


def carry_on(steps: Steps, changes: tuple[Change, ...]) -> list[State]:
    """Executes the steps of a plan in its order; those that were withdrawn meanwhile stay as they are."""
    for one in changes:
        if steps.gate.change(one.id).state is State.READY:
            steps.execute(one)
    return [steps.gate.change(one.id).state for one in changes]


def told(found: Radius) -> tuple[list[tuple[str, tuple[str, ...]]], list[tuple[str, str, str]]]:
    return (
        [(step.change_id, step.hosts) for step in found.steps],
        [(one.change_id, one.host, one.by) for one in found.conflicts],
    )


def test_a_change_is_taken_back_host_by_host(
    steps: Steps, done: Callable[..., Change], workers: Wish, app_ini: File
) -> None:
    before = {host: app_ini(host).read_bytes() for host in HOSTS}
    change = done(workers(*HOSTS))
    first = steps.execute(steps.gate.undo(change.id, hosts=["db-02"]))
    assert (first.state, first.hosts) == (State.SUCCEEDED, ("db-02",))
    assert steps.gate.change(change.id).state is State.SUCCEEDED
    assert app_ini("db-02").read_bytes() == before["db-02"]
    assert app_ini("web-03").read_bytes() != before["web-03"]
    with pytest.raises(UndoError, match="cannot be undone on db-02") as refused:
        steps.gate.undo(change.id, hosts=["db-02"])
    assert "It stands on web-03" in refused.value.fix
    rest = steps.execute(steps.gate.undo(change.id))
    assert (rest.state, rest.hosts) == (State.SUCCEEDED, ("web-03",))
    assert steps.gate.change(change.id).state is State.UNDONE
    assert app_ini("web-03").read_bytes() == before["web-03"]
    steps.check_the_books()


def test_a_later_change_is_in_the_way_only_where_it_was_made(
    steps: Steps, done: Callable[..., Change], workers: Wish
) -> None:
    change = done(workers(*HOSTS))
    later = done(workers("web-03", value="9"))
    with pytest.raises(UndoError, match="stale") as refused:
        steps.gate.undo(change.id)
    assert later.id in refused.value.why
    assert steps.execute(steps.gate.undo(change.id, hosts=["db-02"])).state is State.SUCCEEDED


def test_where_a_later_change_was_taken_back_it_is_in_the_way_no_more(
    steps: Steps, done: Callable[..., Change], workers: Wish
) -> None:
    change, later = done(workers(*HOSTS)), done(workers(*HOSTS, value="9"))
    steps.execute(steps.gate.undo(later.id, hosts=["db-02"]))
    assert steps.execute(steps.gate.undo(change.id, hosts=["db-02"])).state is State.SUCCEEDED
    with pytest.raises(UndoError, match="stale"):
        steps.gate.undo(change.id)


def test_what_was_proposed_earlier_and_began_later_is_later(
    steps: Steps, done: Callable[..., Change], workers: Wish
) -> None:
    waited = propose(steps.site, workers("web-03", value="9"), AGENT)
    first = done(workers("web-03", value="8"))
    assert steps.execute(waited).state is State.SUCCEEDED
    with pytest.raises(UndoError, match="stale") as refused:
        steps.gate.undo(first.id)
    assert waited.id in refused.value.why
    assert steps.execute(steps.gate.undo(waited.id)).state is State.SUCCEEDED
    assert steps.execute(steps.gate.undo(first.id)).state is State.SUCCEEDED


def test_all_that_an_agent_did_is_taken_back_but_for_what_others_built_on(
    steps: Steps, done: Callable[..., Change], workers: Wish, app_ini: File
) -> None:
    before = {host: app_ini(host).read_bytes() for host in HOSTS}
    one, two = done(workers(*HOSTS, value="8")), done(workers(*HOSTS, value="9"))
    other_file = done(workers("web-03", path="/etc/app/other.ini"))
    human = done(workers("web-03", value="10"), HUMAN)
    wanted = steps.gate.made_by(AGENT, one.created_at.replace(year=2000))
    assert wanted == [one.id, two.id, other_file.id]
    looked = steps.gate.undo_many(wanted, look=True)
    assert looked.changes == ()
    assert told(looked.radius) == (
        [(other_file.id, ("web-03",)), (two.id, ("db-02",)), (one.id, ("db-02",))],
        [(two.id, "web-03", human.id), (one.id, "web-03", two.id)],
    )
    undone = steps.gate.undo_many(wanted, reason="It went wrong.")
    assert carry_on(steps, undone.changes) == [State.SUCCEEDED] * 3
    assert app_ini("db-02").read_bytes() == before["db-02"]
    assert "workers = 10" in app_ini("web-03").read_text()
    assert not app_ini("web-03").with_name("other.ini").exists()
    rest = steps.gate.undo_many([one.id, two.id], cascade=True)
    assert told(rest.radius) == ([(name, ("web-03",)) for name in (human.id, two.id, one.id)], [])
    assert carry_on(steps, rest.changes) == [State.SUCCEEDED] * 3
    assert {host: app_ini(host).read_bytes() for host in HOSTS} == before
    assert {steps.gate.change(c.id).state for c in (one, two, other_file, human)} == {State.UNDONE}
    steps.check_the_books()


def test_a_look_writes_nothing_down(steps: Steps, done: Callable[..., Change], workers: Wish) -> None:
    change = done(workers("web-03"))
    entries = steps.gate.entries(1)
    assert told(steps.gate.undo_many([change.id], look=True).radius)[0] == [(change.id, ("web-03",))]
    assert steps.gate.entries(1) == entries


def test_what_comes_after_a_step_that_fails_is_withdrawn_and_nothing_else(
    steps: Steps, done: Callable[..., Change], workers: Wish, app_ini: File
) -> None:
    first, second = done(workers("web-03", value="8")), done(workers("web-03", value="9"))
    apart = done(workers("db-02"))
    edited = app_ini("web-03").read_text().replace("workers = 9", "workers = 16")
    app_ini("web-03").write_text(edited)
    undone = steps.gate.undo_many([first.id, second.id, apart.id])
    assert [change.undo_of for change in undone.changes] == [apart.id, second.id, first.id]
    assert carry_on(steps, undone.changes) == [State.SUCCEEDED, State.FAILED, State.WITHDRAWN]
    assert app_ini("web-03").read_text() == edited
    assert steps.gate.change(first.id).state is State.SUCCEEDED


def test_one_denied_step_denies_the_whole(steps: Steps, done: Callable[..., Change], workers: Wish, site: Path) -> None:
    one, two = done(workers("web-03")), done(workers("db-02"))
    rules = (site / "rules" / "rules.yml").read_text()
    rules += "- {rule: not-there, when: {all: [{target: db-02}, {undo: yes}]}, then: deny, because: Not there.}\n"
    (site / "rules" / "rules.yml").write_text(rules)
    undone = steps.gate.undo_many([one.id, two.id])
    assert {change.state for change in undone.changes} == {State.DENIED}
    assert steps.gate.change(one.id).state is State.SUCCEEDED


def test_nothing_to_take_back_says_why(steps: Steps, done: Callable[..., Change], workers: Wish) -> None:
    change = done(workers("web-03"))
    done(workers("web-03", value="9"), HUMAN)
    with pytest.raises(UndoError, match="Nothing of it can be taken back") as refused:
        steps.gate.undo_many([change.id])
    assert f"{change.id} on web-03" in refused.value.why
    with pytest.raises(UndoError, match="Nothing of it can be taken back"):
        steps.gate.undo_many([])


def test_a_folder_that_a_change_made_is_taken_away_only_when_nothing_else_is_in_it(
    steps: Steps, done: Callable[..., Change], workers: Wish, site: Path
) -> None:
    folder = site / "hosts" / "web-03" / "srv" / "made"
    maker, guest = done(workers("web-03", path="/srv/made/a.ini")), done(workers("web-03", path="/srv/made/b.ini"))
    with pytest.raises(UndoError, match="stale") as refused:
        steps.gate.undo(maker.id)
    assert guest.id in refused.value.why
    undone = steps.gate.undo_many([maker.id, guest.id])
    assert carry_on(steps, undone.changes) == [State.SUCCEEDED] * 2
    assert not folder.exists()


def test_steps_that_wait_for_each_other_start_in_their_order_by_themselves(
    gate: Gate, ask: Callable[[Intent], Change], workers: Wish, app_ini: File
) -> None:
    before = {host: app_ini(host).read_bytes() for host in HOSTS}
    wishes = [workers(*HOSTS, value="8"), workers("web-03", value="9"), workers("db-02", value="10"), workers(*HOSTS)]
    changes = [ask(wish) for wish in wishes]
    for change in changes:
        assert gate.wait(change.id, 60).state is State.SUCCEEDED
    undone = gate.undo_many([change.id for change in changes])
    ends = [gate.wait(change.id, 60) for change in undone.changes]
    while any(change.state in {State.WAITING, State.READY, State.RUNNING} for change in ends):
        ends = [gate.wait(change.id, 1) for change in undone.changes]
    assert {change.state for change in ends} == {State.SUCCEEDED}
    assert {host: app_ini(host).read_bytes() for host in HOSTS} == before


def test_what_two_steps_wait_for_is_withdrawn_once(
    steps: Steps, done: Callable[..., Change], workers: Wish, app_ini: File
) -> None:
    """One step fails that two wait for, of which one waits for the other, too."""
    oldest, middle, newest = (done(workers("web-03", value=value)) for value in ("8", "9", "10"))
    app_ini("web-03").write_text(app_ini("web-03").read_text().replace("workers = 10", "workers = 16"))
    undone = steps.gate.undo_many([oldest.id, middle.id, newest.id])
    assert carry_on(steps, undone.changes) == [State.FAILED, State.WITHDRAWN, State.WITHDRAWN]
    assert [kind for kind in steps.kinds(undone.changes[2]) if kind == "withdrawn"] == ["withdrawn"]
    steps.check_the_books()
