"""What a run may not do on the gate's machine, cold and warm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate.execution.outcome import Status
from gate.execution.settings import RunSettings
from tests.acceptance.conftest import short_folder
from tests.integration.execution.conftest import Bench

LOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Record
      ansible.builtin.set_stats: {data: {undo: {before: nothing}}, per_host: true}
    - name: What a module is
      ansible.builtin.shell: >-
        echo mask $(umask); grep NoNewPrivs /proc/self/status; echo core $(ulimit -Hc);
        echo tty $(ps -o tty= -p $$)
      register: module
    - name: What Ansible is, and its processes
      ansible.builtin.set_fact:
        controller: "{{ lookup('pipe', 'umask; grep NoNewPrivs /proc/self/status; ulimit -Hc; echo $TMPDIR') }}"
    - name: Tell
      ansible.builtin.copy:
        content: "{{ {'module': module.stdout_lines, 'controller': controller.splitlines()} | to_json }}"
        dest: "{{ root }}/out"
        mode: "0600"
"""


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short one, as that of a site is: in a long one no socket can be made, and TMPDIR is left alone."""
    with short_folder() as folder:
        yield folder


def seen_by(bench: Any) -> Any:
    bench.write(LOOK)
    assert bench.run(bench.warrant(hosts=("web-01",))).status is Status.SUCCEEDED
    return json.loads(bench.out().read_text())


def test_a_run_is_held_with_all_that_it_starts(bench: Any) -> None:
    seen = seen_by(bench)
    assert seen["module"] == ["mask 0077", "NoNewPrivs:\t1", "core 0", "tty ?"]
    mask, privileges, core, temporary = seen["controller"]
    assert (mask, privileges, core) == ("0077", "NoNewPrivs:\t1", "0")
    assert temporary.startswith(str(bench.state / "runs"))
    assert not Path(temporary).exists()


@pytest.mark.parametrize("warm", [False, True])
def test_a_site_may_let_its_runs_gain_privileges(tmp_path: Path, warm: bool) -> None:
    bench, settings = Bench(tmp_path), RunSettings(may_gain=True)
    if warm:
        bench.warm(settings=settings)
    bench.executor = replace(bench.executor, settings=settings)
    try:
        seen = seen_by(bench)
    finally:
        bench.close()
    assert (seen["module"][1], seen["controller"][1]) == ("NoNewPrivs:\t0", "NoNewPrivs:\t0")


def test_what_a_run_may_gain_is_said_by_nothing_but_true(tmp_path: Path) -> None:
    for said in ("yes", 1, None, "true"):
        (tmp_path / "settings").write_text(RunSettings().text().replace("false", json.dumps(said)))
        assert not RunSettings.read(tmp_path / "settings").may_gain
