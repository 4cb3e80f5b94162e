from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gate.execution import processes, stopping
from gate.execution.stopping import Reason, Stopping


class Watched:
    """A watch over Ansible that is only a list of what was done to it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.killed = 100.0, []
        monkeypatch.setattr(processes, "children", lambda: [4711])
        monkeypatch.setattr(os, "kill", lambda pid, number: self.killed.append((pid, signal.Signals(number))))
        self.folder, self.asks = folder, Stopping(folder, 60, 10, lambda: self.now)

    def after(self, seconds: float) -> bool:
        self.now += seconds
        return self.asks()


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(tmp_path, monkeypatch)


def test_a_run_within_its_time_goes_on(watched: Watched) -> None:
    assert [watched.after(seconds) for seconds in (0, 30, 29.9)] == [False] * 3
    assert watched.killed == []
    assert watched.asks.settle() is None


def test_who_is_asked_to_stop_has_the_grace_period_to_do_so(watched: Watched) -> None:
    watched.after(1)
    stopping.ask(watched.folder)
    assert not watched.after(1)
    assert watched.killed == [(4711, signal.SIGTERM)]
    assert not watched.after(9.9)
    assert watched.after(0.2)
    assert watched.killed == [(4711, signal.SIGTERM)]


def test_who_takes_too_long_is_asked_and_then_killed(watched: Watched) -> None:
    assert not watched.after(60)
    assert watched.killed == [(4711, signal.SIGTERM)]
    assert watched.after(10)


def test_a_clock_that_stands_stops_nothing_and_a_second_request_changes_nothing(watched: Watched) -> None:
    stopping.ask(watched.folder)
    stopping.ask(watched.folder)
    assert [watched.after(0) for _ in range(5)] == [False] * 5
    assert watched.killed == [(4711, signal.SIGTERM)]


def test_only_what_was_there_at_first_is_taken_for_ansible(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.after(1)
    monkeypatch.setattr(processes, "children", lambda: [4711, 5000])  # an orphan that was adopted
    stopping.ask(watched.folder)
    watched.after(1)
    assert watched.killed == [(4711, signal.SIGTERM)]


def test_what_ansible_had_let_go_of_before_is_not_ended(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.after(1)
    monkeypatch.setattr(processes, "children", lambda: [4711, 5000])
    stopping.ask(watched.folder)
    watched.after(1)
    ends: list[Callable[[int], bool]] = []
    monkeypatch.setattr(processes, "end_children", lambda mine, _due: ends.append(mine) or False)
    stop = watched.asks.settle()
    assert stop is not None
    assert (stop.reason, stop.killed, stop.ended) == (Reason.ASKED, False, False)
    assert [pid for pid in (4711, 4712, 5000, 5001) if ends[0](pid)] == [4711, 4712, 5001]


def test_where_orphans_get_out_of_sight_it_is_not_certain_that_all_has_ended(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "reap", lambda: False)
    stopping.ask(watched.folder)
    watched.after(1)
    stop = watched.asks.settle()  # it never began to watch
    assert stop is not None
    assert not stop.ended


def test_a_warm_server_is_waited_for_until_its_notes_are_gone(watched: Watched) -> None:
    private = watched.folder / "private"
    private.mkdir()
    (private / "alive").touch()
    note = private / "fork-1-1"
    note.touch()
    stopping.ask(watched.folder)
    watched.after(1)
    times = itertools.count(watched.now, 0.5)
    watched.asks._clock = lambda: next(times)
    stop = watched.asks.settle()
    assert stop is not None
    assert not stop.ended
    note.unlink()
    stop = watched.asks.settle()
    assert stop is not None
    assert stop.ended


FAMILY = """
import os, subprocess, sys, time
from gate.execution import processes
assert processes.adopt_orphans()
shell = subprocess.Popen(["sh", "-c", "setsid sleep 60 & setsid --fork sleep 61; exec sleep 62"])
deadline = time.monotonic() + 30
while len(processes.children()) < 2 and time.monotonic() < deadline:
    time.sleep(0.02)
below = processes.sessions_below([shell.pid])
names = {pid: open(f"/proc/{pid}/cmdline").read().split(chr(0))[1] for pid in processes.children()}
print(sorted(names.values()), len(below), processes.reap())
for pid in [*below, *names]:
    os.kill(pid, 9)
while processes.reap():
    time.sleep(0.02)
print(processes.children(), processes.session(shell.pid))
"""


def test_a_process_that_leaves_its_family_stays_in_sight() -> None:
    told = subprocess.run([sys.executable, "-c", FAMILY], capture_output=True, text=True, timeout=120, check=True)
    assert told.stdout.splitlines() == ["['61', '62'] 1 True", "[] None"]


def test_an_open_connection_of_ssh_is_told_from_a_task(tmp_path: Path) -> None:
    assert not processes.is_shared_connection(os.getpid())
    assert not processes.is_shared_connection(2**22 + 1)
    master = subprocess.Popen(["ssh: /tmp/cp [mux]", "60"], executable="/usr/bin/sleep")
    try:
        while not Path(f"/proc/{master.pid}/cmdline").read_bytes():
            time.sleep(0.01)  # the kernel is still setting it up
        assert processes.is_shared_connection(master.pid)
    finally:
        master.kill()
        master.wait()
