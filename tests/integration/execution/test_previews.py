"""Previews of real playbooks: what each task would do, what cannot be foreseen, and what is not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gate.execution.outcome import Status
from gate.flow.preview import preview_digest
from gate.warrant.model import Phase

if TYPE_CHECKING:
    Bench = Any

DO = """\
- hosts: all
  gather_facts: false
  tasks:
    - {name: copies, ansible.builtin.copy: {content: "a\\nb\\n", dest: "{{ root }}/new"}}
    - {name: sets mode, ansible.builtin.file: {path: "{{ root }}/file", mode: "0600"}}
    - {name: edits, ansible.builtin.lineinfile: {path: "{{ root }}/file", line: "workers = 8", regexp: "^workers"}}
    - {name: rotates, ansible.builtin.lineinfile: {path: "{{ root }}/file", line: "password = new", regexp: "^pass"}}
    - {name: touches, ansible.builtin.file: {path: "{{ root }}/touched", state: touch}}
    - {name: changes nothing, ansible.builtin.file: {path: "{{ root }}/file", state: file}}
    - {name: commands, ansible.builtin.command: {argv: [echo, '"skip_reason": "x", "false_condition"']}}
    - {name: shells, ansible.builtin.shell: "echo x"}
    - {name: runs raw, ansible.builtin.raw: "echo x"}
    - {name: asks, ansible.builtin.uri: {url: "http://127.0.0.1:1/"}}
    - {name: scripts, ansible.builtin.script: files/x.sh}
    - {name: has no check mode, blind: {}}
    - {name: leaves running, ansible.builtin.command: {argv: [sleep, "0"]}, async: 10, poll: 0}
    - {name: would create, ansible.builtin.command: {argv: [echo, x], creates: /nowhere}}
    - {name: is not wanted, ansible.builtin.command: {argv: [echo, x]}, when: text == 'other'}
    - {name: copies unwanted, ansible.builtin.copy: {content: x, dest: "{{ root }}/no"}, when: text == 'other'}
    - {name: hides, ansible.builtin.copy: {content: x, dest: "{{ root }}/hidden"}, no_log: true}
    - {name: copies a program, ansible.builtin.copy: {src: files/x.bin, dest: "{{ root }}/binary"}}
    - name: loops
      ansible.builtin.copy: {content: "{{ item }}", dest: "{{ root }}/loop{{ item }}"}
      loop: [1, 2]
      when: item != 2
    - {name: loops commands, ansible.builtin.command: {argv: [echo, "{{ item }}"]}, loop: [1]}
    - {name: loops over nothing, ansible.builtin.command: {argv: [echo, "{{ item }}"]}, loop: []}
    - {name: is large, ansible.builtin.copy: {content: "{{ 'line\\n' * 30000 }}", dest: "{{ root }}/large"}}
"""
BLIND = """\
from ansible.module_utils.basic import AnsibleModule
AnsibleModule(argument_spec={}).exit_json(changed=True)
"""


@pytest.fixture
def previewed(bench: Bench) -> Any:
    """The outcome of a preview, by task."""
    bench.write(DO)
    for folder in ("library", "files"):
        (bench.action / folder).mkdir()
    (bench.action / "library" / "blind.py").write_text(BLIND)
    (bench.action / "files" / "x.sh").write_text("#!/bin/sh\n")
    (bench.action / "files" / "x.bin").write_bytes(b"\x00\x01\x02" * 100)
    (bench.root / "hosts" / "web-01" / "file").write_text("workers = 4\npassword = old-canary\nother = 1\n")
    outcome = bench.run(bench.warrant(phase=Phase.CHECK))
    assert outcome.status is Status.SUCCEEDED, outcome
    return outcome


def test_a_preview_says_of_each_task_what_it_would_do(bench: Bench, previewed: Any) -> None:
    tasks = {task.task: task for task in previewed.diff["web-01"]}
    assert [name for name, task in tasks.items() if not task.predicted] == [
        "commands", "shells", "runs raw", "asks", "scripts", "has no check mode", "leaves running",
        "loops commands (1)",
    ]  # fmt: skip
    assert not {"changes nothing", "is not wanted", "copies unwanted", "loops (2)"} & tasks.keys()
    assert tasks["copies"].parts[0].lines == ("@@ -0,0 +1,2 @@", "+a", "+b")
    assert tasks["copies"].parts[0].header.endswith("/new")
    assert tasks["sets mode"].parts[0].lines == ("-mode: 0644", "+mode: 0600")
    assert tasks["edits"].parts[0].lines[1:4] == ("-workers = 4", "+workers = 8", " password = [hidden 1]")
    assert tasks["rotates"].parts[0].lines[2:4] == ("-password = [hidden 1]", "+password = [hidden 2]")
    assert (tasks["touches"].changed, tasks["touches"].parts) == (True, ())
    assert tasks["would create"].predicted
    assert [part.hidden for part in tasks["hides"].parts] == ["no_log"]
    assert [part.hidden for part in tasks["copies a program"].parts] == ["binary"]
    assert tasks["loops (1)"].parts[0].lines[1] == "+1"
    assert tasks["is large"].parts[0].cut or tasks["is large"].parts[0].hidden == "too large"
    assert "canary" not in str(previewed)
    assert sorted(path.name for path in (bench.root / "hosts" / "web-01").iterdir()) == ["file"]


@pytest.mark.parametrize("bench", ["warm"], indirect=True)  # both give the same outcome, as the test above shows
def test_the_same_preview_has_the_same_digest_and_another_state_another(bench: Bench, previewed: Any) -> None:
    again = bench.run(bench.warrant(phase=Phase.CHECK))
    assert preview_digest(again) == preview_digest(previewed)
    (bench.root / "hosts" / "web-01" / "file").write_text("workers = 4\npassword = other-canary\nother = 1\n")
    assert preview_digest(bench.run(bench.warrant(phase=Phase.CHECK))) == preview_digest(previewed)
    (bench.root / "hosts" / "web-01" / "file").write_text("workers = 5\npassword = old-canary\nother = 1\n")
    assert preview_digest(bench.run(bench.warrant(phase=Phase.CHECK))) != preview_digest(previewed)
