from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from gate.changes.model import Change, State
from gate.ledger.entry import Entry
from gate.undo.eligibility import UNDOABLE, check_undoable
from gate.undo.evidence import collect, resources
from gate.undo.past import Past
from gate.values.errors import UndoError

Make = Callable[..., Change]
FILE = {"resources": ["/etc/a"], "before": "x"}
OTHER_FILE = {"resources": ["/etc/b"], "before": "x"}
WEEK = timedelta(days=7)


def check(
    change: Change,
    evidence: Mapping[str, Any] | None = None,
    later: list[tuple[Change, Mapping[str, Any]]] | None = None,
    reversibility: str = "full",
    after: timedelta = timedelta(hours=1),
) -> None:
    check_undoable(
        Past.of(change, {"web-01": FILE} if evidence is None else evidence),
        later=[Past.of(one, theirs) for one, theirs in later or []],
        reversibility=reversibility,
        window=WEEK,
        now=change.updated_at + after,
    )


@pytest.mark.parametrize("state", sorted(UNDOABLE))
def test_what_was_carried_out_can_be_undone(make_change: Make, state: State) -> None:
    check(make_change(state=state))


@pytest.mark.parametrize("state", sorted(frozenset(State) - UNDOABLE))
def test_what_was_not_carried_out_or_is_not_known_cannot(make_change: Make, state: State) -> None:
    with pytest.raises(UndoError):
        check(make_change(state=state))


def test_what_is_undone_is_not_undone_twice(make_change: Make) -> None:
    with pytest.raises(UndoError, match="undone already"):
        check(make_change(state=State.UNDONE))


def test_what_is_unknown_is_settled_first(make_change: Make) -> None:
    with pytest.raises(UndoError, match="gate settle"):
        check(make_change(state=State.UNKNOWN))


def test_an_irreversible_action_is_not_undone(make_change: Make) -> None:
    with pytest.raises(UndoError, match="irreversible"):
        check(make_change(), reversibility="none")


def test_without_evidence_nothing_is_undone(make_change: Make) -> None:
    with pytest.raises(UndoError, match="nothing to restore from"):
        check(make_change(), evidence={})


def test_evidence_is_honoured_to_the_end_of_the_window_and_no_longer(make_change: Make) -> None:
    check(make_change(), after=WEEK)
    with pytest.raises(UndoError, match="too old"):
        check(make_change(), after=WEEK + timedelta(microseconds=1))


def test_a_later_change_of_the_same_thing_makes_it_stale_and_is_named(make_change: Make) -> None:
    change, later, newest = make_change(), make_change(), make_change()
    with pytest.raises(UndoError, match="stale") as refused:
        check(change, later=[(later, {"web-01": FILE}), (newest, {"web-01": FILE})])
    assert later.id in refused.value.why
    assert f"gate undo {newest.id}" in refused.value.fix


def test_a_later_change_of_another_thing_is_no_matter(make_change: Make) -> None:
    check(make_change(), later=[(make_change(), {"web-01": OTHER_FILE})])


def test_the_same_thing_on_another_host_is_no_matter(make_change: Make) -> None:
    change, later = make_change(hosts=("web-01", "web-02")), make_change(hosts=("web-02",))
    check(change, evidence={"web-01": FILE}, later=[(later, {"web-02": FILE})])


@pytest.mark.parametrize("unclear", [{}, {"resources": []}, {"resources": "x"}, {"resources": [1]}, None, "x", []])
def test_a_later_change_that_does_not_say_what_it_touched_could_have_touched_anything(
    make_change: Make, unclear: Any
) -> None:
    with pytest.raises(UndoError, match="stale"):
        check(make_change(), later=[(make_change(), {"web-01": unclear})])
    with pytest.raises(UndoError, match="stale"):
        check(make_change(), later=[(make_change(), {})])


def test_evidence_that_does_not_say_what_was_touched_is_stale_by_any_later_change(make_change: Make) -> None:
    with pytest.raises(UndoError, match="stale"):
        check(make_change(), evidence={"web-01": {"before": "x"}}, later=[(make_change(), {"web-01": OTHER_FILE})])


@pytest.mark.parametrize(
    "state",
    [State.SUCCEEDED, State.RUNNING, State.UNKNOWN, State.UNDOING, State.UNDO_FAILED, State.FAILED],
)
def test_a_later_change_that_started_blocks(make_change: Make, state: State) -> None:
    with pytest.raises(UndoError, match="stale"):
        check(make_change(), later=[(make_change(state=state), {"web-01": FILE})])


@pytest.mark.parametrize(
    "state", [State.DENIED, State.WAITING, State.READY, State.EXPIRED, State.WITHDRAWN, State.UNDONE]
)
def test_a_later_change_that_never_ran_or_was_taken_back_does_not_block(make_change: Make, state: State) -> None:
    check(make_change(), later=[(make_change(state=state), {"web-01": FILE})])


def test_a_later_change_that_failed_before_its_evidence_does_not_block(make_change: Make) -> None:
    check(make_change(), later=[(make_change(state=State.FAILED), {})])


@pytest.mark.parametrize("state", [State.RUNNING, State.UNKNOWN])
def test_a_later_change_that_has_no_evidence_yet_could_be_changing_anything(make_change: Make, state: State) -> None:
    with pytest.raises(UndoError, match="stale"):
        check(make_change(), later=[(make_change(state=state), {})])


def test_the_undo_of_a_later_change_does_not_block(make_change: Make) -> None:
    change, later = make_change(), make_change(state=State.UNDONE)
    undo = make_change(undo_of=later.id)
    check(change, later=[(later, {"web-01": FILE}), (undo, {})])


def test_a_failed_undo_of_it_does_not_block_another_try(make_change: Make) -> None:
    change = make_change(state=State.UNDO_FAILED)
    check(change, later=[(make_change(state=State.FAILED, undo_of=change.id), {})])


def test_the_undo_of_an_earlier_change_blocks(make_change: Make) -> None:
    earlier, change = make_change(state=State.UNDONE), make_change()
    with pytest.raises(UndoError, match="stale"):
        check(change, later=[(make_change(undo_of=earlier.id), {})])


def test_the_undo_of_a_change_that_was_proposed_earlier_and_began_later_does_not_block(make_change: Make) -> None:
    waited, change = make_change(state=State.UNDONE), make_change()
    undo = make_change(undo_of=waited.id)
    check(change, later=[(waited, {"web-01": FILE}), (undo, {"web-01": FILE})])


def test_what_was_touched_is_what_the_playbook_names() -> None:
    assert resources({"resources": ["a", "b"]}) == {"a", "b"}
    assert resources({"resources": ["a", 1]}) is None


def test_evidence_is_collected_by_host(make_change: Make) -> None:
    now = make_change().created_at
    entries = [
        Entry.new(1, "evidence", "gate", {"run": "r", "host": "a", "undo": 1}, now=now),
        Entry.new(2, "run", "gate", {"host": "a", "undo": "no evidence"}, now=now),
        Entry.new(3, "evidence", "gate", {"run": "r", "host": "b", "undo": None}, now=now),
    ]
    assert collect(entries) == {"a": 1, "b": None}


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ("file:/etc/app/", "file:/etc/app/a.ini", True),
        ("file:/etc/app/a.ini", "file:/etc/app/", True),
        ("file:/etc/app/", "file:/etc/app/", True),
        ("file:/etc/app/", "file:/etc/application", False),
        ("file:/etc/app", "file:/etc/app/a.ini", False),
        ("file:/etc/", "file:/etc/app/", True),
    ],
)
def test_a_name_with_a_slash_at_its_end_stands_for_all_below_it(
    make_change: Make, mine: str, theirs: str, same: bool
) -> None:
    def tried() -> None:
        check(make_change(), {"web-01": {"resources": [mine]}}, [(make_change(), {"web-01": {"resources": [theirs]}})])

    if same:
        with pytest.raises(UndoError, match="stale"):
            tried()
    else:
        tried()
