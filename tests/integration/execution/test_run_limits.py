"""What a run may take on this machine, and what it finds open: seen from Ansible and from a module, cold and warm."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate.execution.outcome import Status
from gate.execution.settings import RunSettings
from tests.acceptance.conftest import short_folder
from tests.integration.execution.conftest import Bench

LOOK = """\
import json, os, resource, tempfile
def fields(pid):
    return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
def opened(pid):
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            yield os.readlink(entry.path)
        except OSError:
            pass
parent = os.getppid()
while os.path.basename(os.readlink(f"/proc/{parent}/exe")) in ("sh", "dash", "bash"):
    parent = int(fields(parent)[1])
with tempfile.NamedTemporaryFile(delete=False) as left:
    pass
print(json.dumps({
    "terminal": int(fields("self")[4]) != 0,
    "open_files": resource.getrlimit(resource.RLIMIT_NOFILE),
    "file_size": resource.getrlimit(resource.RLIMIT_FSIZE),
    "temporary": left.name,
    "open": sorted({*opened("self"), *opened(parent)}),
}))
"""
DO = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: A module
      ansible.builtin.command: {argv: [PYTHON, LOOK]}
      register: seen
    - name: Write
      ansible.builtin.copy: {content: "{{ seen.stdout }}", dest: "{{ root }}/module"}
    - name: Ansible
      ansible.builtin.copy: {content: "{{ lookup('pipe', 'PYTHON LOOK') }}", dest: "{{ root }}/ansible"}
"""
FILL = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: Fill
      ansible.builtin.command: {argv: [/bin/dd, if=/dev/zero, "of={{ root }}/out", bs=65536, count=32]}
"""

Limited = Callable[..., Bench]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short one, as that of a site is: in a long one no socket can be made, and TMPDIR is left alone."""
    with short_folder() as folder:
        yield folder


@pytest.fixture(params=["cold", "warm"])
def limited(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Limited]:
    bench = Bench(tmp_path)
    look = tmp_path / "look.py"
    look.write_text(LOOK)
    bench.write(DO.replace("PYTHON", sys.executable).replace("LOOK", str(look)))

    def made(**limits: int) -> Bench:
        settings = RunSettings(**limits)  # type: ignore[arg-type]
        if request.param == "warm":
            bench.warm(settings=settings)
        bench.executor = replace(bench.executor, settings=settings)
        return bench

    yield made
    bench.close()


def seen(bench: Bench) -> list[dict[str, Any]]:
    return [json.loads((bench.root / "hosts" / "web-01" / who).read_text()) for who in ("module", "ansible")]


def test_a_run_has_its_own_place_and_little_else(limited: Limited) -> None:
    bench = limited(open_files=512, file_size_mb=64)
    assert bench.run(bench.warrant(run_id="run-own")).status is Status.SUCCEEDED
    private = bench.executor.folder("run-own") / "private"
    for inside in seen(bench):
        assert inside["terminal"] is False
        assert (inside["open_files"], inside["file_size"]) == ([512, 512], [64 << 20, 64 << 20])
        assert Path(inside["temporary"]).is_relative_to(private / "tmp")
        ours = [path for path in inside["open"] if path.startswith(str(bench.root))]
        assert [path for path in ours if not path.startswith((str(private), str(bench.root / "look.py")))] == []
    assert not private.exists()


def test_a_file_has_an_end(limited: Limited) -> None:
    bench = limited(file_size_mb=1)
    bench.write(FILL)
    assert bench.run(bench.warrant()).status is Status.FAILED
    assert bench.out().stat().st_size == 1 << 20


def test_a_run_that_cannot_be_held_does_not_begin(limited: Limited) -> None:
    bench = limited()
    bench.executor = replace(bench.executor, settings=RunSettings(open_files=-5))
    warrant = bench.warrant()
    outcome = bench.run(warrant)
    assert (outcome.status, outcome.began) == (Status.FAILED, False)
    assert not (bench.executor.folder(warrant.run_id) / "private").exists()
