"""What Ansible does in spite of --check: each of these really runs, and so the catalog refuses it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gate.catalog.check import check_action

SHIPPED = Path(__file__).parents[3] / "playbooks" / "restart_service"
PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
COPY = "ansible.builtin.copy: {content: a, dest: MARK}"
SPELLINGS = {
    "false": (f"- {COPY}\n  check_mode: false", "check-mode"),
    "no": (f"- {COPY}\n  check_mode: no", "check-mode"),
    "a text": (f"- {COPY}\n  check_mode: 'off'", "check-mode"),
    "an expression": (f"- {COPY}\n  check_mode: '{{{{ false }}}}'", "check-mode"),
    "no value": (f"- {COPY}\n  check_mode:", "check-mode"),
    "a block": (f"- block: [{{{COPY}}}]\n  check_mode: false", "check-mode"),
    "a block without a value": (f"- check_mode: true\n  block:\n    - {COPY}\n      check_mode: ~", "check-mode"),
    "a handler": ("- ansible.builtin.assert: {that: true}\n  changed_when: true\n  notify: handler", "check-mode"),
    "an import": ("- ansible.builtin.import_tasks: tasks/import.yml\n  check_mode: false", "check-mode"),
    "an include that applies": (
        "- ansible.builtin.include_tasks: {file: tasks/include.yml, apply: {check_mode: false}}",
        "include",
    ),
    "one that applies by args": (
        "- ansible.builtin.include_tasks: tasks/args.yml\n  args: {apply: {check_mode: false}}",
        "include",
    ),
    "an action": ("- action: {module: ansible.builtin.copy, content: a, dest: MARK}\n  check_mode: false", "play"),
    "a local action": ("- local_action: ansible.builtin.copy content=a dest=MARK\n  check_mode: false", "play"),
    "the program of a fact": ("- ansible.builtin.mount_facts: {mount_binary: MARK.sh, sources: [mount]}", "check-mode"),
    "a folder of facts": ("- ansible.builtin.setup: {fact_path: MARK.d, gather_subset: ['!all', local]}", "check-mode"),
    "a default": (
        "- ansible.builtin.setup: {gather_subset: ['!all', local]}\n"
        "  module_defaults: {ansible.builtin.setup: {fact_path: MARK.d}}",
        "check-mode",
    ),
    "a lookup": ("- ansible.builtin.debug: {msg: \"{{ lookup('pipe', 'touch MARK') }}\"}", "lookup"),
    "a lookup by another name": (
        "- ansible.builtin.debug: {msg: \"{% set f = q %}{{ f('pipe', 'touch MARK') }}\"}",
        "lookup",
    ),
    "a lookup in a condition": ("- ansible.builtin.debug:\n  when: \"lookup('pipe', 'touch MARK') == ''\"", "lookup"),
    "a lookup in a name": ("- ansible.builtin.debug:\n  name: \"{{ lookup('pipe', 'touch MARK') }}\"", "lookup"),
    "a lookup in a fact": ("- ansible.builtin.set_fact: {a: \"{{ lookup('pipe', 'touch MARK') }}\"}", "lookup"),
    "a loop": ("- ansible.builtin.debug:\n  with_pipe: touch MARK", "lookup"),
    "a password": ("- ansible.builtin.debug: {msg: \"{{ lookup('password', 'MARK') }}\"}", "lookup"),
    "a template": ("- ansible.builtin.template: {src: template.j2, dest: MARK.never}", "lookup"),
    "a template with other braces": (
        "- ansible.builtin.template: {src: braces.j2, dest: MARK.never, variable_start_string: '[%',"
        " variable_end_string: '%]'}",
        "play",
    ),
}
FILES = {
    "an import": {"tasks/import.yml": f"- {COPY}\n"},
    "an include that applies": {"tasks/include.yml": f"- {COPY}\n"},
    "one that applies by args": {"tasks/args.yml": f"- {COPY}\n"},
    "a template": {"templates/template.j2": "{{ lookup('pipe', 'touch MARK') }}\n"},
    "a template with other braces": {"templates/braces.j2": "[% lookup('pipe', 'touch MARK') %]\n"},
}
HEAD = "- hosts: all\n  gather_facts: false\n  tasks:\n"
RECORD = "    - ansible.builtin.set_stats: {data: {undo: {a: 1}}, per_host: true}\n"


def indented(task: str) -> str:
    return "".join(f"    {line}\n" for line in task.splitlines())


def handlers(mark: str) -> str:
    return f"  handlers:\n    - {COPY}\n      name: handler\n      check_mode: false\n".replace("MARK", mark)


def write(folder: Path, files: dict[str, str], mark: str) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text.replace("MARK", mark))


@pytest.mark.slow
def test_ansible_really_does_each_of_them_in_check_mode(tmp_path: Path) -> None:
    marks = {name: tmp_path / f"mark-{number}" for number, name in enumerate(SPELLINGS)}
    book = HEAD
    for name, (task, _) in SPELLINGS.items():
        mark = marks[name]
        book += indented(task.replace("MARK", str(mark)))
        write(tmp_path, FILES.get(name, {}), str(mark))
        script = mark.with_suffix(".sh")
        mark.with_suffix(".d").mkdir()
        for program in (script, mark.with_suffix(".d") / "a.fact"):
            program.write_text(f"#!/bin/sh\ntouch {mark}\necho '{{}}'\n")
            program.chmod(0o700)
    (tmp_path / "do.yml").write_text(book + handlers(str(marks["a handler"])))
    done = subprocess.run(
        [
            PLAYBOOK,
            "--check",
            "-i",
            "localhost,",
            "-c",
            "local",
            "-e",
            f"ansible_python_interpreter={sys.executable}",
            "do.yml",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [name for name, mark in marks.items() if not mark.exists()] == []
    assert not list(tmp_path.glob("*.never"))


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_catalog_refuses_it(name: str, tmp_path: Path) -> None:
    folder = tmp_path / SHIPPED.name
    shutil.copytree(SHIPPED, folder)
    task, rule = SPELLINGS[name]
    text = (HEAD + RECORD + indented(task)).replace("MARK", "/mark")
    (folder / "do.yml").write_text(text + (handlers("/mark") if name == "a handler" else ""))
    write(folder, FILES.get(name, {}), "/mark")
    assert yaml.safe_load((folder / "do.yml").read_text())
    assert rule in {one.rule for one in check_action(folder) if not one.warning}
