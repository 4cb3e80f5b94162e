"""The fork that was made to start ansible-playbook: it becomes it, and never goes on as what it was forked from."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gate.execution import orphans
from gate.execution.warm import client
from gate.execution.warm.endings import CLIENT, OVER, PRIVATE
from gate.execution.warm.forkserver import receive


@dataclass(frozen=True)
class Run:
    """The folder of a run, and forks that become its ansible-playbook."""

    folder: Path

    def fork(self, argv: list[str], **environment: str) -> int:
        """The pid of a fork that becomes `argv`, by the server that listens beside the folder, or on its own."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # there are threads; Python 3.12 says so
            child = os.fork()
        if child == 0:
            with self.errors.open("w") as file:
                os.dup2(file.fileno(), 2)
            client.become(self.server, argv, {PRIVATE: str(self.folder / "private" / "tmp"), **environment})
        return child

    def end(self, argv: list[str], **environment: str) -> int:
        """The exit code of such a fork, or minus the signal."""
        return ended(self.fork(argv, **environment))

    @property
    def server(self) -> Path:
        return self.folder.parent / "s"

    @property
    def errors(self) -> Path:
        return self.folder / "errors"


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def catches(pid: int, number: int) -> bool:
    told = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in told.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "run" / "private" / "tmp").mkdir(parents=True)
    return Run(tmp_path / "run")


def answering(path: Path, answer: Callable[[socket.socket], None]) -> threading.Thread:
    """A server that takes one request and gives this answer."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)

    def serve() -> None:
        with listener, listener.accept()[0] as line:
            for file in receive(line).files:
                os.close(file)
            answer(line)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def test_where_nobody_answers_it_is_what_is_on_disk(run: Run, tmp_path: Path) -> None:
    note, said = tmp_path / "cold", tmp_path / "said"
    program = "import os, sys; open(os.environ['SAID'], 'w').write(repr(sys.argv[1:]))"
    environment = {client.NOTE: str(note), "SAID": str(said)}
    assert run.end([sys.executable, "-c", program, "do it.yml", "--diff"], **environment) == 0
    assert said.read_text() == "['do it.yml', '--diff']"
    assert note.read_text() == "no warm Ansible answers: No such file or directory\n"


def test_where_it_is_refused_the_reason_is_noted(run: Run, tmp_path: Path) -> None:
    server = answering(run.server, lambda line: line.sendall(b"-it had grown"))
    note = tmp_path / "cold"
    assert run.end(["/bin/true"], **{client.NOTE: str(note)}) == 0
    assert note.read_text() == "no warm Ansible answers: it had grown\n"
    server.join()


@pytest.mark.parametrize(("answer", "end"), [(b"+\x04", 4), (b"+\x00", 0), (b"+", -signal.SIGKILL)])
def test_it_ends_as_the_warm_one_ended(run: Run, answer: bytes, end: int) -> None:
    server = answering(run.server, lambda line: line.sendall(answer))
    assert run.end(["/bin/true"]) == end
    server.join()


def test_a_signal_is_passed_on(run: Run) -> None:
    heard: list[bytes] = []

    def answer(line: socket.socket) -> None:
        line.sendall(b"+")
        while not catches(child, signal.SIGTERM):
            time.sleep(0.001)
        os.kill(child, signal.SIGTERM)
        heard.append(line.recv(1))
        line.sendall(b"\x03")

    server = answering(run.server, answer)
    child = run.fork(["/bin/true"])
    assert ended(child) == 3
    assert heard == [bytes([signal.SIGTERM])]
    server.join()


def test_whatever_goes_wrong_it_does_not_go_on_as_a_second_worker(run: Run, tmp_path: Path) -> None:
    assert run.end([str(tmp_path / "no-such-program")]) == client.LOST
    assert "FileNotFoundError" in run.errors.read_text()


def test_it_keeps_nothing_open_but_what_a_started_one_has(run: Run, tmp_path: Path) -> None:
    ours = tmp_path / "open"
    with ours.open("w") as file:
        os.set_inheritable(file.fileno(), True)
        said = tmp_path / "said"
        assert run.end(["/bin/sh", "-c", f"ls -l /proc/self/fd > {said}"]) == 0
    assert not [line for line in said.read_text().splitlines() if str(ours) in line or CLIENT in line]


@pytest.mark.parametrize("gone", [True, False])
def test_one_whose_run_is_over_begins_nothing(run: Run, tmp_path: Path, *, gone: bool) -> None:
    if gone:
        shutil.rmtree(run.folder / "private")
    else:
        (run.folder / OVER).touch()
    assert run.end(["/bin/touch", str(tmp_path / "begun")]) == client.LOST
    assert not (tmp_path / "begun").exists()


def test_one_that_has_not_begun_yet_is_ended_with_its_run(run: Run) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(run.server))
    listener.listen(1)  # and takes nothing
    with listener:
        child = run.fork(["/bin/true"])
        assert select.select([listener], [], [], 60)[0]
        assert orphans.end(run.folder)
        assert ended(child) == -signal.SIGKILL
