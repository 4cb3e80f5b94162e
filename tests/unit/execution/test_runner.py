"""ansible-runner waits by a clock that only goes on."""

from __future__ import annotations

import itertools
import time

import pexpect
import pytest

import gate.execution.runner  # noqa: F401 - it sets pexpect right


def test_a_clock_that_is_set_back_makes_nobody_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = time.time, itertools.count()
    child = pexpect.spawn("sleep", ["20"])
    monkeypatch.setattr(time, "time", lambda: real() - (86_400 if next(calls) else 0))
    try:
        # by the other clock it would wait for a day, that is to the end of the process
        assert child.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=0.2) == 0
    finally:
        monkeypatch.undo()
        child.terminate(force=True)
