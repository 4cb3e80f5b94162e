"""The server that forks, by itself: what it forks, what it refuses, and when it has had its time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gate.execution.warm.forkserver import ask

SERVER = """\
import sys
from gate.execution.warm.forkserver import ForkServer
held = []
def admit(request):
    held.append(b"x" * (int(request.environment.get("LEAK", "0")) * 1024 * 1024))
def become(argv):
    print(" ".join(argv), flush=True)
    return int(argv[-1])
ForkServer(sys.argv[1], become=become, admit=admit, most=int(sys.argv[2])).serve()
"""
Start = Callable[..., tuple[Path, "subprocess.Popen[bytes]"]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[bytes]] = []

    def server(most: int = 10) -> tuple[Path, subprocess.Popen[bytes]]:
        path = tmp_path / "socket"
        process = subprocess.Popen([sys.executable, "-c", SERVER, path, str(most)], stdin=subprocess.PIPE)
        running.append(process)
        end = time.monotonic() + 30
        while not path.exists() and time.monotonic() < end:
            time.sleep(0.01)
        return path, process

    yield server
    for process in running:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def fork(path: Path, *argv: str, **environment: str) -> tuple[bytes, int]:
    here, out = os.pipe()
    with os.fdopen(here, "rb") as said, os.fdopen(out, "wb") as output, Path(os.devnull).open("r+b") as nothing:
        files = (nothing.fileno(), output.fileno(), nothing.fileno())
        with ask(str(path), "/", argv, environment, files) as line:
            output.close()
            return said.read(), line.recv(1)[0]


def test_a_fork_gets_arguments_and_files_and_gives_its_code(start: Start) -> None:
    path, _ = start()
    assert fork(path, "say", "grüße", "7") == ("say grüße 7\n".encode(), 7)
    assert fork(path, "0") == (b"0\n", 0)


def test_it_retires_after_its_number_of_forks(start: Start) -> None:
    path, process = start(2)
    for _ in range(2):
        fork(path, "0")
    with pytest.raises(ConnectionRefusedError, match="served enough"):
        fork(path, "0")
    assert process.wait(30) == 0
    assert not path.exists()


def test_it_retires_when_it_grows(start: Start) -> None:
    path, process = start()
    fork(path, "0", LEAK="100")
    with pytest.raises(ConnectionRefusedError, match="grown"):
        fork(path, "0")
    assert process.wait(30) == 0


def test_it_ends_with_its_owner(start: Start) -> None:
    path, process = start()
    fork(path, "0")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) == 0
    with pytest.raises(OSError, match="No such file"):
        fork(path, "0")


def test_only_its_user_can_reach_it(start: Start) -> None:
    path, _ = start()
    assert path.stat().st_mode & 0o777 == 0o600
