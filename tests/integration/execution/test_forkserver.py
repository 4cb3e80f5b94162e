"""The server that forks, by itself: what it forks, what it refuses, and when it has had its time."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gate.execution.warm.forkserver import ask

SERVER = """\
import os
import sys
from gate.execution.warm.forkserver import ForkServer
held = []
def admit(request):
    held.append(b"x" * (int(request.environment.get("LEAK", "0")) * 1024 * 1024))
def become(argv):
    if argv[0] == "stay":
        print(os.getpid(), flush=True)
        sys.stdin.read()
    print(" ".join(argv), flush=True)
    if argv[0] == "stay":
        sys.stdin.read()
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


@contextlib.contextmanager
def staying(path: Path) -> Iterator[tuple[socket.socket, int]]:
    """A fork that stays as long as the block: the line to it, and its process."""
    (until, hold), (here, out) = os.pipe(), os.pipe()
    ends = os.fdopen(until), os.fdopen(hold), os.fdopen(out)
    line = ask(str(path), "/", ["stay", "0"], {}, (until, out, out))
    with os.fdopen(here, "rb") as said, line, ends[0], ends[1], ends[2]:
        yield line, int(said.readline())


def files_of(process: subprocess.Popen[bytes]) -> int:
    return len(list(Path(f"/proc/{process.pid}/fd").iterdir()))


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


def test_the_end_of_a_killed_fork_is_heard_at_once_even_if_a_younger_one_stays(start: Start) -> None:
    path, _ = start()
    with staying(path) as (line, pid), staying(path):
        os.kill(pid, signal.SIGKILL)
        line.settimeout(30)
        assert line.recv(1) == b""


@pytest.mark.parametrize("body", [b"abc", b"/\0many\0x", b"/" * 50])
def test_files_of_a_request_that_breaks_off_are_given_back(
    start: Start, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, process = start()
    monkeypatch.chdir(path.parent)  # the address of a socket has 108 bytes
    before = files_of(process)
    for size in (len(body), len(body) + 1):
        with socket.socket(socket.AF_UNIX) as line, Path(os.devnull).open("r+b") as nothing:
            line.connect(path.name)
            socket.send_fds(line, [size.to_bytes(4, "big")], [nothing.fileno()] * 3)
            line.sendall(body)
    assert fork(path, "0")[1] == 0
    end = time.monotonic() + 30
    while files_of(process) != before and time.monotonic() < end:  # until the fork is reaped
        time.sleep(0.01)
    assert files_of(process) == before


@pytest.mark.parametrize("wrong", [{"GATE_GRACE_S": "soon"}, {"ANSIBLE_LOCAL_TEMP": "/" + "x" * 5000 + "/y"}])
def test_what_cannot_be_forked_is_refused_and_the_server_goes_on(start: Start, wrong: dict[str, str]) -> None:
    path, _ = start()
    with pytest.raises(ConnectionRefusedError, match="cannot be forked"):
        fork(path, "0", **wrong)
    assert fork(path, "0") == (b"0\n", 0)
