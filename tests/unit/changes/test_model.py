from __future__ import annotations

import itertools

import pytest

from gate.changes.model import AT_REST, MOVES, STARTED, State, check_move
from gate.values.errors import StateError

PAIRS = list(itertools.product(State, State))


@pytest.mark.parametrize(("old", "new"), [pair for pair in PAIRS if pair[1] not in MOVES[pair[0]]])
def test_a_move_that_is_not_in_the_graph_is_refused(old: State, new: State) -> None:
    with pytest.raises(StateError, match=f"it cannot become {new.value}"):
        check_move("chg-1", old, new)


@pytest.mark.parametrize(("old", "new"), [pair for pair in PAIRS if pair[1] in MOVES[pair[0]]])
def test_a_move_of_the_graph_is_let_through(old: State, new: State) -> None:
    check_move("chg-1", old, new)


def test_the_graph_knows_every_state() -> None:
    assert set(MOVES) == set(State)


def test_what_was_denied_undone_or_withdrawn_stays_so() -> None:
    for state in (State.DENIED, State.EXPIRED, State.WITHDRAWN, State.UNDONE):
        assert MOVES[state] == frozenset()


def test_nothing_that_started_can_start_again() -> None:
    assert not [state for state in STARTED if MOVES[state] & {State.READY, State.WAITING, State.RUNNING}]


def test_only_what_is_ready_can_run() -> None:
    assert [state for state in State if State.RUNNING in MOVES[state]] == [State.READY]


def test_a_change_is_at_rest_or_something_happens_to_it() -> None:
    assert frozenset(State) - {State.WAITING, State.READY, State.RUNNING, State.UNDOING} == AT_REST
