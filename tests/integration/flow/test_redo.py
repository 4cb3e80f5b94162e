"""Once more, what was taken back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.changes.model import State
from gate.intent import Intent
from gate.values.errors import UndoError

if TYPE_CHECKING:
    Steps = Any
Wish = Callable[..., Intent]
File = Callable[..., Path]


@pytest.mark.parametrize("by_its_undo", [False, True])
def test_what_was_taken_back_is_done_once_more_and_can_be_taken_back_again(
    steps: Steps, workers: Wish, app_ini: File, by_its_undo: bool
) -> None:
    before = app_ini("web-03").read_bytes()
    change = steps.execute(steps.propose(workers("web-03", value="7")))
    after = app_ini("web-03").read_bytes()
    undo = steps.execute(steps.gate.undo(change.id))
    again = steps.gate.redo(undo.id if by_its_undo else change.id)
    assert (again.intent.action, again.hosts, again.parameters) == (
        change.intent.action, change.hosts, change.parameters,
    )  # fmt: skip
    assert again.intent.reason == f"Redo of {change.id}."
    assert again.undo_of is None
    assert steps.execute(again).state is State.SUCCEEDED
    assert app_ini("web-03").read_bytes() == after
    assert steps.execute(steps.gate.undo(again.id)).state is State.SUCCEEDED
    assert app_ini("web-03").read_bytes() == before


def test_only_where_it_was_taken_back(steps: Steps, workers: Wish) -> None:
    change = steps.execute(steps.propose(workers("db-02", "web-03", value="7")))
    steps.execute(steps.gate.undo(change.id, hosts=["db-02"]))
    assert steps.gate.redo(change.id).hosts == ("db-02",)


def test_of_an_undo_only_where_that_one_took_it_back(steps: Steps, workers: Wish) -> None:
    change = steps.execute(steps.propose(workers("db-02", "web-03", value="7")))
    first = steps.execute(steps.gate.undo(change.id, hosts=["db-02"]))
    steps.execute(steps.gate.undo(change.id, hosts=["web-03"]))
    assert steps.gate.redo(first.id).hosts == ("db-02",)
    assert steps.gate.redo(change.id).hosts == ("db-02", "web-03")


def test_what_stands_cannot_be_done_again(steps: Steps, workers: Wish) -> None:
    change = steps.execute(steps.propose(workers("web-03", value="7")))
    with pytest.raises(UndoError) as refused:
        steps.gate.redo(change.id)
    assert refused.value.what == f"Change {change.id} was not taken back, so it cannot be done again."


def test_the_rules_decide_on_it_as_on_any_other(steps: Steps, workers: Wish) -> None:
    change = steps.approved(workers("web-01", value="7"))  # production
    steps.execute(change)
    steps.execute(steps.gate.undo(change.id))
    assert steps.gate.redo(change.id).state is State.WAITING


def test_a_request_key_makes_one(steps: Steps, workers: Wish) -> None:
    change = steps.execute(steps.propose(workers("web-03", value="7")))
    steps.execute(steps.gate.undo(change.id))
    assert steps.gate.redo(change.id, key="once").id == steps.gate.redo(change.id, key="once").id
