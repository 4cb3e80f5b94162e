from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

ACTION = """\
risk: 30
targets: {groups: [web, db], max_hosts: 2}
reversibility: full
check: full
on_failure: undo
timeout_s: 300
undo_window: 7d
requires: {collections: [community.general]}
owner: platform
phrases: ["restart nginx on web-01"]
"""
META = """\
short_description: Restart one service
description: Restarts the unit and waits until it is active.
argument_specs:
  restart_unit:
    short_description: Restart one service
    options:
      unit: {type: str, required: true, description: The unit., pattern: "[a-z0-9][a-z0-9@._-]*", max_length: 64}
      wait: {type: int, default: 30, description: Seconds., min: 1, max: 300}
      flags: {type: list, elements: str, choices: [fast, slow], default: []}
    examples: ""
"""
DO = """\
- name: Restart
  hosts: all
  gather_facts: false
  tasks:
    - name: Look
      ansible.builtin.command: {argv: [systemctl, is-active, "{{ unit }}"]}
      changed_when: false
      check_mode: false
      register: before
    - name: Record
      ansible.builtin.set_stats:
        data: {undo: {state: "{{ before.stdout }}"}}
        per_host: true
    - name: Restart
      ansible.builtin.systemd_service: {name: "{{ unit }}", state: restarted}
      when: unit != 'none'
"""
UNDO = """\
- name: Bring it back
  hosts: all
  tasks:
    - name: Set the state
      ansible.builtin.systemd_service: {name: "{{ unit }}", state: "{{ evidence[inventory_hostname].state }}"}
"""
GOOD = {"action.yml": ACTION, "do.meta.yml": META, "do.yml": DO, "undo.yml": UNDO, "README.md": "# Restart\n"}

MakeAction = Callable[..., Path]


@pytest.fixture
def make_action(tmp_path: Path) -> MakeAction:
    """A good action's folder; files given by name replace or add, None takes one away."""

    def make(files: dict[str, str | None] | None = None, name: str = "restart_unit") -> Path:
        folder = tmp_path / "catalog" / name
        for path, text in (GOOD | (files or {})).items():
            if text is not None:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text.replace("restart_unit", name))
        return folder

    return make
