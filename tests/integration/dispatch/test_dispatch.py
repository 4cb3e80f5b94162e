from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from gate.app import Gate
from gate.changes.model import State
from gate.dispatch.dispatcher import Dispatcher
from gate.dispatch.executors import Executors
from gate.dispatch.nudge import Listener, nudge, serving
from gate.intent import Intent
from gate.values.errors import DatabaseError, StateError

Wish = Callable[..., Intent]
HOLD = """
import sys
from pathlib import Path
from gate.dispatch.executors import Executors
print(Executors(Path(sys.argv[1])).own_id, flush=True)
sys.stdin.read()
"""
ONE_JOB_EACH = """
import sys
from pathlib import Path
import dbos  # it takes a second to import, and then all of them are at the start
from gate.dispatch.dispatcher import Dispatcher
print("ready", flush=True)
for folder in sys.stdin:
    left = [("execute", "chg-1")]
    dispatcher = Dispatcher(Path(folder.strip()), sys.argv[1], lambda: list(left), lambda *job: left.remove(job))
    dispatcher.wake()
    assert dispatcher.wait_idle(60)
    dispatcher.close()
    print(left, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "executors"
    made.mkdir()
    return made


def test_an_executor_lives_as_long_as_its_process_however_that_ends(folder: Path) -> None:
    own = Executors(folder)
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        other = child.stdout.readline().strip()
        assert own.is_alive(other)
        child.kill()
    assert not own.is_alive(other)
    assert not (folder / other).exists()
    assert own.is_alive(own.own_id)
    own.close()


@pytest.mark.parametrize("unknown", ["nobody.1.00000000", "x"])
def test_an_executor_that_left_no_trace_is_dead(folder: Path, unknown: str) -> None:
    own = Executors(folder)
    assert not own.is_alive(unknown)
    own.close()


def test_executors_of_one_process_have_names_of_their_own(folder: Path) -> None:
    one, other = Executors(folder), Executors(folder)
    assert one.own_id != other.own_id
    other.close()
    assert not one.is_alive(other.own_id)
    one.close()


def test_a_job_runs_once_and_several_at_a_time(tmp_path: Path) -> None:
    jobs = [("execute", f"chg-{number}") for number in range(6)]
    left, done, lock = list(jobs), [], threading.Lock()
    together = threading.Barrier(2)

    def work(deed: str, change_id: str) -> None:
        together.wait(timeout=20)  # nobody gets on alone
        with lock:
            left.remove((deed, change_id))
            done.append((deed, change_id))

    dispatcher = Dispatcher(tmp_path, "executor-1", lambda: list(left), work, limit=2)
    dispatcher.wake()
    while left:
        assert dispatcher.wait_idle(20)
    dispatcher.close()
    assert sorted(done) == jobs


def test_a_job_that_breaks_does_not_stop_the_others(tmp_path: Path) -> None:
    left, done = [("execute", "bad"), ("execute", "good")], threading.Event()

    def work(deed: str, change_id: str) -> None:
        left.remove((deed, change_id))
        if change_id == "bad":
            raise RuntimeError
        done.set()

    dispatcher = Dispatcher(tmp_path, "executor-1", lambda: list(left), work, limit=1)
    dispatcher.wake()
    assert done.wait(20)
    dispatcher.close()


@pytest.mark.slow
def test_processes_that_start_their_first_job_on_a_new_site_at_once_all_do(tmp_path: Path) -> None:
    with ExitStack() as ending:
        children = [
            ending.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", ONE_JOB_EACH, f"executor-{number}"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    bufsize=1,
                )
            )
            for number in range(4)
        ]
        assert [child.stdout.readline() for child in children if child.stdout] == ["ready\n"] * 4
        for number in range(6):
            site = tmp_path / str(number)
            site.mkdir()
            for child in children:
                assert child.stdin is not None
                child.stdin.write(f"{site}\n")
            assert [child.stdout.readline() for child in children if child.stdout] == ["[]\n"] * 4
        for child in children:
            child.communicate(timeout=60)


def test_a_damaged_record_is_named_and_once_it_is_away_jobs_start(tmp_path: Path) -> None:
    left, record = [("execute", "chg-1")], tmp_path / "dispatch.db"
    dispatcher = Dispatcher(tmp_path, "executor-1", lambda: list(left), lambda *job: left.remove(job))
    record.write_bytes(b"no database" * 500)
    for _ in range(2):
        with pytest.raises(DatabaseError, match=r"dispatch\.db cannot be used.*not a database.*move it away"):
            dispatcher.wake()
    assert dispatcher.wait_idle(0)
    record.unlink()
    dispatcher.wake()
    assert dispatcher.wait_idle(20)
    dispatcher.close()
    assert left == []


def test_a_record_with_other_tables_is_named_and_once_it_is_away_jobs_start(tmp_path: Path) -> None:
    left, record = [("execute", "chg-1")], tmp_path / "dispatch.db"
    with closing(sqlite3.connect(record)) as other:
        other.execute("CREATE TABLE workflow_status (x)")  # DBOS gets as far as its own tables, and fails there
    dispatcher = Dispatcher(tmp_path, "executor-1", lambda: list(left), lambda *job: left.remove(job))
    for _ in range(2):
        with pytest.raises(DatabaseError, match=r"dispatch\.db cannot be used"):
            dispatcher.wake()
    record.unlink()
    dispatcher.wake()
    assert dispatcher.wait_idle(20)
    dispatcher.close()
    assert left == []


def test_looking_for_work_that_fails_is_tried_again_less_and_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gate.dispatch.dispatcher.SWEEP_S", 0.01)
    monkeypatch.setattr("gate.dispatch.dispatcher.LONGEST_PAUSE_S", 0.05)
    looks: Queue[int] = Queue()

    def pending() -> list[tuple[str, str]]:
        looks.put(1)
        if looks.qsize() == 4:
            return []
        raise OSError("no space left")

    dispatcher = Dispatcher(tmp_path, "executor-1", pending, lambda *_: None)
    dispatcher.sweep()
    while looks.qsize() < 6:
        time.sleep(0.01)
    dispatcher.close()
    said = [record.getMessage().partition("again in ")[2] for record in caplog.records][:5]
    assert said == ["0.02 s", "0.04 s", "0.05 s", "0.02 s", "0.04 s"]  # the fourth look found that all is well


def test_a_closed_dispatcher_takes_no_jobs(tmp_path: Path) -> None:
    taken: list[Any] = []
    dispatcher = Dispatcher(tmp_path, "executor-1", lambda: [("execute", "x")], lambda *job: taken.append(job))
    dispatcher.close()
    dispatcher.wake()
    assert taken == []


def test_a_nudge_wakes_the_one_that_serves_and_nobody_else(tmp_path: Path) -> None:
    nudge(tmp_path)  # nobody there: no harm
    woken = threading.Event()
    listener = Listener(tmp_path, woken.set)
    nudge(tmp_path)
    assert woken.wait(10)
    listener.close()
    nudge(tmp_path)


def test_a_nudge_that_finds_the_database_broken_is_not_the_last_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    woken: Queue[str] = Queue()

    def wake() -> None:
        woken.put("woken")
        raise OSError("no space left")

    listener = Listener(tmp_path, wake)
    for _ in range(2):
        nudge(tmp_path)
        assert woken.get(timeout=10) == "woken"
    listener.close()
    assert caplog.text.count("looking for work failed") == 2


def test_a_site_is_served_by_one(gate: Gate, site: Path) -> None:
    assert not serving(gate.folder.state)
    gate.serve_jobs()
    assert serving(gate.folder.state)
    with Gate.open(site) as other, pytest.raises(StateError, match="served already"):
        other.serve_jobs()


def test_what_another_process_proposes_is_run_by_the_one_that_serves(gate: Gate, site: Path, workers: Wish) -> None:
    gate.serve_jobs()
    with Gate.open(site) as other:
        change = other.propose(workers("web-03"))
        assert other.wait(change.id, 60).state is State.SUCCEEDED
        assert "dispatcher" not in other.__dict__  # it ran nothing itself
    assert gate.change(change.id).executor == gate.site.executor_id


def test_a_job_that_cannot_be_started_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbos import DBOS

    def broken(*_: object) -> None:
        raise OSError("the disk is full")

    dispatcher = Dispatcher(tmp_path, "executor-1", lambda: [("execute", "x")], lambda *_: None)
    monkeypatch.setattr(DBOS, "start_workflow", broken)
    with pytest.raises(OSError, match="disk is full"):
        dispatcher.wake()
    assert dispatcher.wait_idle(20)
    dispatcher.close()


def test_who_waits_is_told_and_need_not_look(gate: Gate, workers: Wish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.view.next_look_s", lambda _waited_s: 3600.0)
    ended: list[State] = []
    change = gate.propose(workers("web-03"))
    waiter = threading.Thread(target=lambda: ended.append(gate.wait(change.id[:-1]).state), daemon=True)
    waiter.start()
    waiter.join(60)
    assert ended == [State.SUCCEEDED]
