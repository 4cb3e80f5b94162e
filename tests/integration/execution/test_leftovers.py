"""Ansible dies and its forks do not: whatever was in flight, nothing goes on after the outcome is told."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from gate.execution import orphans
from gate.execution.outcome import Status
from gate.execution.processes import kill

PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Record
      ansible.builtin.set_stats: {data: {undo: {before: nothing}}, per_host: true}
    - name: Work in a fork of Ansible, and then on the host
      ansible.builtin.copy:
        content: "{{ lookup('pipe', 'touch ' ~ root ~ '/at-work; sleep 1.5; echo late') }}"
        dest: "{{ root }}/out"
        mode: "0600"
"""


def test_forks_of_an_ansible_that_was_killed_are_ended(bench: Any) -> None:
    bench.write(PLAY)
    warrant = bench.warrant(hosts=("web-01",))
    told: list[Any] = []
    running = threading.Thread(target=lambda: told.append(bench.run(warrant)))
    running.start()
    folder = bench.executor.folder(warrant.run_id)
    _soon((bench.out().parent / "at-work").exists)
    playbooks = set(orphans._playbooks(folder))
    kill(pid for pid in playbooks if _parent(pid) not in playbooks)
    running.join(60)
    assert told[0].status is Status.UNKNOWN
    assert "Ansible was killed while the run was at work." in told[0].note
    assert not list(orphans._playbooks(folder))
    sealed = sorted(path for path in folder.rglob("*"))
    time.sleep(2)
    assert sorted(path for path in folder.rglob("*")) == sealed
    assert not bench.out().exists()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _soon(found: Any) -> None:
    deadline = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)
