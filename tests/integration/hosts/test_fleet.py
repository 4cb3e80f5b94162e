"""200 SSH endpoints in one process: all are spoken to, and those that do not answer are told from those that do."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hosts.fleet import Fleet

PATIENCE_S = 60.0
COUNT, SILENT, CLOSED = 200, 2, 3
Ansible = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet"), COUNT, silent=SILENT, closed=CLOSED) as fleet:
        yield fleet


def raw(ansible: Ansible, fleet: Fleet, command: str, hosts: str = "all") -> subprocess.CompletedProcess[str]:
    once = "ansible_ssh_args='-o ControlMaster=no'"  # a connection that nobody uses again
    return ansible(fleet.inventory, hosts, "-m", "raw", "-a", command, "-e", once, "-f", "20")


def test_every_endpoint_answers_and_those_that_cannot_are_unreachable(fleet: Fleet, ansible: Ansible) -> None:
    done = raw(ansible, fleet, "pwd")
    assert done.returncode == 4
    answers = dict(re.findall(r"^(\S+) \| CHANGED \| rc=0 >>\n(\S+)$", done.stdout, re.MULTILINE))
    assert sorted(answers) == fleet.answering
    assert len(set(answers.values())) == len(fleet.answering)  # each has a home of its own
    lost = re.findall(r"^(\S+) \| UNREACHABLE!", done.stdout, re.MULTILINE)
    assert sorted(lost) == fleet.names[-SILENT - CLOSED :]


def test_modules_run_and_say_how_they_ended(fleet: Fleet, ansible: Ansible) -> None:
    three = ",".join(fleet.answering[:3])
    assert ansible(fleet.inventory, three, "-m", "ping").stdout.count('"ping": "pong"') == 3
    failed = raw(ansible, fleet, "exit 7", three)
    assert failed.returncode == 2
    assert failed.stdout.count("rc=7") == 3


def test_when_it_is_over_nobody_listens_and_nothing_runs(tmp_path: Path, ansible: Ansible) -> None:
    with Fleet(tmp_path, 2) as fleet:
        assert raw(ansible, fleet, "sleep 600 >/dev/null 2>&1 &").returncode == 0
        os.killpg(fleet.group, 0)
    eventually_gone(fleet.group)
    assert raw(ansible, fleet, "true").stdout.count("Connection refused") >= 2


def eventually_gone(group: int) -> None:
    """Waits until no process of the group is left: who kills does not see the end of what is not a child."""
    deadline = time.monotonic() + PATIENCE_S
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.02)
        raise AssertionError("something of the fleet still runs")
