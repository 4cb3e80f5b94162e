"""The fork that was made to start ansible-playbook: it becomes it, and never goes on as what it was forked from."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gate.execution.warm import client
from gate.execution.warm.forkserver import receive


def forked(server: Path, argv: list[str], environment: dict[str, str], errors: Path) -> int:
    """The exit code, or minus the signal, of a fork that becomes `argv`."""
    child = os.fork()
    if child == 0:
        with errors.open("w") as file:
            os.dup2(file.fileno(), 2)
        client.become(server, argv, environment)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def catches(pid: int, number: int) -> bool:
    told = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in told.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.fixture
def errors(tmp_path: Path) -> Path:
    return tmp_path / "errors"


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


def test_where_nobody_answers_it_is_what_is_on_disk(tmp_path: Path, errors: Path) -> None:
    note, said = tmp_path / "cold", tmp_path / "said"
    program = "import os, sys; open(os.environ['SAID'], 'w').write(repr(sys.argv[1:]))"
    environment = {client.NOTE: str(note), "SAID": str(said)}
    assert forked(tmp_path / "nobody", [sys.executable, "-c", program, "do it.yml", "--diff"], environment, errors) == 0
    assert said.read_text() == "['do it.yml', '--diff']"
    assert note.read_text() == "no warm Ansible answers: No such file or directory\n"


def test_where_it_is_refused_the_reason_is_noted(tmp_path: Path, errors: Path) -> None:
    server = answering(tmp_path / "s", lambda line: line.sendall(b"-it had grown"))
    note = tmp_path / "cold"
    assert forked(tmp_path / "s", ["/bin/true"], {client.NOTE: str(note)}, errors) == 0
    assert note.read_text() == "no warm Ansible answers: it had grown\n"
    server.join()


def test_it_ends_as_the_warm_one_ended(tmp_path: Path, errors: Path) -> None:
    server = answering(tmp_path / "s", lambda line: line.sendall(b"+\x04"))
    assert forked(tmp_path / "s", ["/bin/true"], {}, errors) == 4
    server.join()


def test_it_is_killed_as_the_warm_one_was_killed(tmp_path: Path, errors: Path) -> None:
    server = answering(tmp_path / "s", lambda line: line.sendall(b"+"))
    assert forked(tmp_path / "s", ["/bin/true"], {}, errors) == -9
    server.join()


def test_a_signal_is_passed_on(tmp_path: Path, errors: Path) -> None:
    heard: list[bytes] = []

    def answer(line: socket.socket) -> None:
        line.sendall(b"+")
        while not catches(child, signal.SIGTERM):
            time.sleep(0.001)
        os.kill(child, signal.SIGTERM)
        heard.append(line.recv(1))
        line.sendall(b"\x03")

    server = answering(tmp_path / "s", answer)
    child = os.fork()
    if child == 0:
        client.become(tmp_path / "s", ["/bin/true"], {})
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert heard == [bytes([signal.SIGTERM])]
    server.join()


def test_whatever_goes_wrong_it_does_not_go_on_as_a_second_worker(tmp_path: Path, errors: Path) -> None:
    assert forked(tmp_path / "nobody", [str(tmp_path / "no-such-program")], {}, errors) == client.LOST
    assert "FileNotFoundError" in errors.read_text()


def test_it_keeps_nothing_open_but_what_a_started_one_has(tmp_path: Path, errors: Path) -> None:
    ours = tmp_path / "open"
    with ours.open("w") as file:
        os.set_inheritable(file.fileno(), True)
        said = tmp_path / "said"
        program = f"ls -l /proc/self/fd > {said}"
        assert forked(tmp_path / "nobody", ["/bin/sh", "-c", program], {}, errors) == 0
    assert str(ours) not in said.read_text()
