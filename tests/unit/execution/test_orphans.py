from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gate.execution import orphans

PLAYBOOK = """\
import os, sys, time
from pathlib import Path
from gate.execution import orphans
told = orphans.mark(Path(sys.argv[1]))
print("at work" if told else "too late", flush=True)
time.sleep(60 if told else 0)
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "private" / "tmp").mkdir(parents=True)
    return tmp_path


def playbook(run: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PLAYBOOK, str(run / "private" / "tmp")], stdout=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_what_is_at_work_is_ended(run: Path) -> None:
    with playbook(run) as process:
        assert said(process) == "at work"
        orphans.end(run)
        assert process.wait(10) == -9


def test_what_begins_after_the_end_does_not(run: Path) -> None:
    orphans.end(run)
    with playbook(run) as process:
        assert said(process) == "too late"


def test_what_begins_after_all_was_taken_away_does_not(run: Path) -> None:
    (run / "private" / "tmp").rmdir()
    (run / "private").rmdir()
    with playbook(run) as process:
        assert said(process) == "too late"
    assert not (run / "private").exists()


def test_another_run_goes_on(run: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "private" / "tmp").mkdir(parents=True)
    with playbook(other) as process:
        assert said(process) == "at work"
        orphans.end(run)
        assert process.poll() is None
        process.kill()
