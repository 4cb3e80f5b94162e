"""Bells: who waits for a change hears of it, nobody else does, and nobody who has left."""

from __future__ import annotations

import threading

import pytest

from gate.dispatch.bells import LONGEST_S, Bells, next_look_s


def test_everybody_who_waits_for_a_change_hears_it_and_nobody_else() -> None:
    bells = Bells()
    heard: list[str] = []
    with (
        bells.heard("chg-1", lambda: heard.append("one")),
        bells.heard("chg-1", lambda: heard.append("two")),
        bells.heard("chg-2", lambda: heard.append("other")),
    ):
        bells.ring("chg-1")
        bells.ring("chg-3")
    assert heard == ["one", "two"]


def test_who_has_left_is_not_called_any_more() -> None:
    bells = Bells()
    heard: list[str] = []
    with bells.heard("chg-1", lambda: heard.append("one")):
        pass
    with pytest.raises(KeyError), bells.heard("chg-1", lambda: heard.append("two")):
        raise KeyError
    bells.ring("chg-1")
    assert heard == []


def test_one_who_cannot_be_told_keeps_it_from_nobody(caplog: pytest.LogCaptureFixture) -> None:
    bells = Bells()
    heard: list[str] = []

    def broken() -> None:
        raise RuntimeError("Event loop is closed")

    with bells.heard("chg-1", broken), bells.heard("chg-1", lambda: heard.append("two")):
        bells.ring("chg-1")
    assert heard == ["two"]
    assert "chg-1 could not be told" in caplog.text


def test_leaving_waits_for_a_call_that_is_under_way() -> None:
    bells, ringing, left = Bells(), threading.Event(), threading.Event()
    seen: list[bool] = []

    def listener() -> None:
        ringing.set()
        seen.append(left.wait(0.2))

    with bells.heard("chg-1", listener):
        ringer = threading.Thread(target=bells.ring, args=("chg-1",))
        ringer.start()
        assert ringing.wait(20)
    left.set()
    ringer.join(20)
    assert seen == [False]


def test_one_looks_less_and_less_often_but_never_stops() -> None:
    looks = [next_look_s(seconds) for seconds in (0, 0.5, 1, 5, 3600)]
    assert looks == sorted(looks)
    assert looks[0] > 0
    assert looks[-1] == LONGEST_S
