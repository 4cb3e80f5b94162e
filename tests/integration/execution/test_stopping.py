"""Runs that are asked to stop, or run out of their time: with the real ansible-runner, on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.execution.outcome import Status

if TYPE_CHECKING:
    Bench = Any

PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Record
      ansible.builtin.set_stats: {{data: {{undo: {{before: nothing}}}}, per_host: true}}
    - name: Begin
      ansible.builtin.copy: {{content: begun, dest: "{{{{ root }}}}/begun", mode: "0600"}}
    - name: Work
      {task}
    - name: Go on
      ansible.builtin.copy: {{content: more, dest: "{{{{ root }}}}/more", mode: "0600"}}
"""
WORK = "ansible.builtin.shell: touch {{ root }}/working; sleep 40 && touch {{ root }}/out"


def wait_for(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes_of(folder: Path) -> list[int]:
    """Every process that inherited the environment of the run in `folder`."""
    mark = b"ANSIBLE_LOCAL_TEMP=" + os.fsencode(folder / "private" / "tmp") + b"\0"
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in environ.read_bytes():
                found.append(int(environ.parent.name))
    return found


@pytest.fixture
def leaves_nothing(bench: Bench) -> Iterator[None]:
    """Ends what a test means to leave behind."""
    yield
    for folder in (bench.state / "runs").iterdir():
        for pid in processes_of(folder):
            os.kill(pid, signal.SIGKILL)


def stopped(bench: Bench, *, deed: Callable[[Any], None] | None = None, **values: Any) -> Any:
    """Runs a warrant, and stops it when Work is at work on web-01. Returns the outcome, its folder and seconds."""
    warrant = bench.warrant(**values)
    asked: list[float] = []

    def on_event(event: Any) -> None:
        if event["event"] == "started" and event["task"] == "Work" and not asked:
            wait_for(bench.out().with_name("working").exists)  # it is an event before it is a process
            asked.append(time.monotonic())
            (deed or (lambda one: bench.executor.stop(one.run_id)))(warrant)

    outcome = bench.run(warrant, on_event=on_event)
    assert asked
    return outcome, bench.executor.folder(warrant.run_id), time.monotonic() - asked[0]


def test_the_task_in_flight_really_stops(bench: Bench) -> None:
    bench.write(PLAY.format(task=WORK))
    outcome, folder, seconds = stopped(bench)
    assert seconds < 40
    assert processes_of(folder) == []
    assert (outcome.status, outcome.stopped, outcome.note) == (Status.FAILED, True, "It was asked to stop.")
    assert outcome.hosts["web-01"].message == "It was stopped during Work."
    assert outcome.hosts["web-01"].changed == 1
    assert outcome.evidence == {"web-01": {"before": "nothing"}}
    assert not bench.out().exists()
    assert bench.out().with_name("begun").exists()
    assert not bench.out().with_name("more").exists()
    assert not (folder / "private").exists()
    assert bench.executor.outcome(folder.name, ("web-01",)) == outcome


def test_over_a_connection_it_is_not_known_whether_the_task_in_flight_went_on(bench: Bench) -> None:
    bench.write(PLAY.format(task=WORK))
    outcome, _, _ = stopped(bench, local=())
    assert (outcome.status, outcome.stopped) == (Status.UNKNOWN, True)
    said = outcome.hosts["web-01"].message
    assert said == "It was asked to stop during Work; the task may have gone on on the host."


def test_a_task_that_only_reads_leaves_no_doubt_however_it_is_reached(bench: Bench) -> None:
    bench.write(PLAY.format(task="ansible.builtin.wait_for: {path: '{{ root }}/never', timeout: 40}"))
    bench.out().with_name("working").touch()
    outcome, _, _ = stopped(bench, local=())
    assert (outcome.status, outcome.hosts["web-01"].message) == (Status.FAILED, "It was stopped during Work.")


def test_a_run_that_takes_too_long_is_stopped_and_says_so(bench: Bench) -> None:
    bench.write(PLAY.format(task="ansible.builtin.command: sleep 40"))
    # a cold start takes seconds where others are at work too
    warrant = bench.warrant(timeout_s=15 if bench.executor.pool is None else 4)
    outcome = bench.run(warrant)
    assert (outcome.status, outcome.stopped, outcome.note) == (Status.FAILED, True, "It ran out of its time.")
    assert outcome.hosts["web-01"].message == "It was stopped during Work."
    assert outcome.evidence == {"web-01": {"before": "nothing"}}
    assert processes_of(bench.executor.folder(warrant.run_id)) == []


def test_a_task_that_does_not_listen_is_killed_when_the_grace_is_over(bench: Bench) -> None:
    bench.write(
        PLAY.format(
            task="ansible.builtin.shell: trap '' TERM; touch {{ root }}/working; sleep 40; touch {{ root }}/out"
        )
    )
    outcome, folder, seconds = stopped(bench, grace_s=1)
    assert 1 <= seconds < 40
    assert processes_of(folder) == []
    assert outcome.status is Status.FAILED
    assert outcome.hosts["web-01"].message == "It was stopped during Work."


def test_ansible_that_does_not_listen_is_killed_with_all_that_it_started(bench: Bench) -> None:
    bench.write(PLAY.format(task=WORK))

    def freeze(warrant: Any) -> None:
        worker = json.loads((bench.executor.folder(warrant.run_id) / "lease").read_text())["pid"]
        for pid in Path(f"/proc/{worker}/task/{worker}/children").read_text().split():
            os.kill(int(pid), signal.SIGSTOP)
        bench.executor.stop(warrant.run_id)

    outcome, folder, seconds = stopped(bench, deed=freeze, grace_s=1)
    assert 1 <= seconds < 40
    assert processes_of(folder) == []
    assert (outcome.status, outcome.stopped) == (Status.FAILED, True)
    assert outcome.note == "It was asked to stop. It had to be killed."


def test_a_task_in_flight_is_ended_in_whatever_session_it_works(bench: Bench) -> None:
    bench.write(PLAY.format(task="ansible.builtin.shell: touch {{ root }}/working; setsid --fork --wait sleep 60"))
    outcome, folder, seconds = stopped(bench, grace_s=1)
    assert seconds < 40
    assert processes_of(folder) == []
    assert outcome.status is Status.FAILED


@pytest.mark.usefixtures("leaves_nothing")
def test_what_made_itself_independent_leaves_the_outcome_unknown(bench: Bench) -> None:
    bench.write(
        PLAY.format(
            task="ansible.builtin.shell: setsid --fork sleep 60 >/dev/null 2>&1; touch {{ root }}/working; sleep 40"
        )
    )
    outcome, folder, seconds = stopped(bench, grace_s=1)
    assert seconds < 40
    said = outcome.hosts["web-01"].message
    assert len(processes_of(folder)) == 1
    assert outcome.status is Status.UNKNOWN
    assert said == "It was asked to stop during Work; it is not certain that the task ended."


@pytest.mark.usefixtures("leaves_nothing")
def test_what_an_earlier_task_has_left_running_is_left_alone(bench: Bench) -> None:
    start = "    - name: Serve\n      ansible.builtin.shell: setsid --fork sleep 60 >/dev/null 2>&1\n"
    play = PLAY.format(task="ansible.builtin.shell: touch {{ root }}/working; sleep 40")
    bench.write(play.replace("    - name: Begin\n", start + "    - name: Begin\n"))
    outcome, folder, _ = stopped(bench, grace_s=1)
    left = processes_of(folder)
    assert [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left] == [b"sleep\x0060\x00"]
    # it could be the task's own, unless it was there before the task was forked
    assert outcome.status is (Status.UNKNOWN if bench.executor.pool is None else Status.FAILED)


def test_each_host_is_judged_by_how_far_it_was(bench: Bench) -> None:
    inventory = (bench.inventory / "hosts.yml").read_text()
    (bench.inventory / "hosts.yml").write_text(inventory.replace("web-02: }", "web-02: , web-03: , web-04: }"))
    for host in ("web-03", "web-04"):
        (bench.root / "hosts" / host).mkdir()
    work = "ansible.builtin.shell: 'touch {{ root }}/working; [ \"{{ inventory_hostname }}\" = web-01 ] || sleep 40'"
    bench.write(PLAY.format(task=work).replace("  gather_facts", "  serial: 3\n  gather_facts"))
    hosts = ("web-01", "web-02", "web-03", "web-04")

    def wait(warrant: Any) -> None:
        events = bench.executor.folder(warrant.run_id) / "artifacts" / "events.jsonl"
        wait_for(lambda: '"event":"ok","host":"web-01","module":"ansible.builtin.shell"' in events.read_text())
        wait_for(lambda: all(bench.out(host).with_name("working").exists() for host in hosts[:3]))
        bench.executor.stop(warrant.run_id)

    outcome, _, _ = stopped(bench, deed=wait, hosts=hosts, local=("web-01", "web-02"))
    assert {host: (one.status.value, one.message) for host, one in outcome.hosts.items()} == {
        "web-01": ("failed", "It was stopped after Work."),
        "web-02": ("failed", "It was stopped during Work."),
        "web-03": ("unknown", "It was asked to stop during Work; the task may have gone on on the host."),
        "web-04": ("failed", "Nothing was run here."),
    }
    assert outcome.status is Status.UNKNOWN


def test_a_run_that_was_stopped_before_it_began_never_runs(bench: Bench) -> None:
    warrant = bench.warrant()
    bench.executor.stop(warrant.run_id)
    outcome = bench.run(warrant)
    assert (outcome.status, outcome.began, outcome.stopped) == (Status.FAILED, False, True)
    assert "before it began" in outcome.note
    assert not bench.out().exists()
    assert not (bench.executor.folder(warrant.run_id) / "warrant").exists()


def test_a_worker_that_finds_itself_stopped_runs_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from gate.execution import executor

    warrant, write = bench.warrant(), executor._write

    def write_and_stop(path: Path, text: str) -> None:
        write(path, text)
        bench.executor.stop(warrant.run_id)

    monkeypatch.setattr(executor, "_write", write_and_stop)
    outcome = bench.run(warrant)
    assert (outcome.status, outcome.began, outcome.stopped) == (Status.FAILED, False, True)
    assert not bench.out().exists()


def test_a_run_that_is_over_stays_as_it_is(bench: Bench) -> None:
    warrant = bench.warrant()
    outcome = bench.run(warrant)
    before = sorted(bench.executor.folder(warrant.run_id).rglob("*"))
    bench.executor.stop(warrant.run_id)
    assert sorted(bench.executor.folder(warrant.run_id).rglob("*")) == before
    assert bench.executor.outcome(warrant.run_id, warrant.hosts) == outcome
    assert outcome.status is Status.SUCCEEDED


def test_terminating_the_worker_stops_its_run(bench: Bench) -> None:
    bench.write(PLAY.format(task=WORK))

    def terminate(warrant: Any) -> None:
        os.kill(json.loads((bench.executor.folder(warrant.run_id) / "lease").read_text())["pid"], signal.SIGTERM)

    outcome, folder, seconds = stopped(bench, deed=terminate)
    assert seconds < 40
    assert (outcome.status, outcome.stopped) == (Status.FAILED, True)
    assert processes_of(folder) == []


@pytest.mark.parametrize("moment_s", [0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3])
def test_stopping_at_any_moment_ends_in_an_outcome_that_says_what_was_done(bench: Bench, moment_s: float) -> None:
    bench.write(PLAY.format(task="ansible.builtin.shell: sleep 0.5 && touch {{ root }}/out"))
    from threading import Timer

    warrant = bench.warrant()
    timer = Timer(moment_s, bench.executor.stop, [warrant.run_id])
    timer.start()
    outcome = bench.run(warrant)
    timer.join()
    assert outcome.status is not Status.UNKNOWN, outcome
    if outcome.status is Status.SUCCEEDED:
        assert not outcome.stopped
        assert bench.out().with_name("more").exists()
    else:
        assert outcome.stopped
    if bench.out().with_name("begun").exists():
        assert outcome.evidence == {"web-01": {"before": "nothing"}}
    assert processes_of(bench.executor.folder(warrant.run_id)) == []
