"""A process that has imported what takes long, and forks for each request. Nothing but the standard library.

A request names a working directory, arguments and an environment, and brings the three standard files. The answer is
`+`, or `-` and a reason. Behind a `+` the line belongs to the fork: it is open as long as anything of the fork lives,
one byte from the client is a signal to it, and its last byte is the exit code; without one it was killed.
Whoever asks a fork to end, or goes away, ends all that it has started too: see `endings`.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import selectors
import signal
import socket
import sys
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from gate.execution import processes
    from gate.execution.warm.endings import GRACE, Fork, note_for
elif __package__:
    from gate.execution import processes
    from gate.execution.warm.endings import GRACE, Fork, note_for
else:  # under a host's interpreter, which has no gate
    import processes
    from endings import GRACE, Fork, note_for

MOST_BYTES = 4 * 1024 * 1024
PATIENCE_S = 5.0  # for a request that has begun to arrive
FILES = 3
MOST_GROWTH = 64 * 1024 * 1024  # bytes of memory: a server does nothing itself, so one that grows is not well


class RefusedError(Exception):
    """The request will not be served; the reason is for the note of whoever starts cold."""


@dataclass(frozen=True)
class Request:
    """What a fork is to become."""

    cwd: str
    argv: list[str]
    environment: dict[str, str]
    files: list[int]


@dataclass
class ForkServer:
    """Forks on request, from one thread, until the process that owns it is gone.

    `admit` raises RefusedError for what may not be served, `become` is the fork's work and returns its exit code.
    `abandoned` is the signal for a fork whose client is gone; None leaves it to itself.
    After `most` forks, or once `stale` says so, it takes no more and ends when its forks have.
    """

    path: str
    become: Callable[[list[str]], int]
    admit: Callable[[Request], None] = lambda _: None
    abandoned: int | None = signal.SIGTERM
    stale: Callable[[], bool] = lambda: False
    most: int = 1000
    _listener: socket.socket | None = field(default=None, init=False)

    def serve(self) -> None:
        """Serves until the owner closes our standard input or it retires, and then until the last fork has ended."""
        self._select = selectors.DefaultSelector()
        self._forks: dict[int, Fork] = {}
        self._asked: list[Fork] = []
        self._count = 0
        self._sees_all = processes.adopt_orphans()
        self._listener = _listen(self.path)
        self._select.register(self._listener, selectors.EVENT_READ, self._accept)
        self._select.register(0, selectors.EVENT_READ, self._retire)
        gc.collect()
        gc.freeze()  # or the collector would copy, in each fork, all that was imported
        self._size = _resident()
        while self._has_work():
            for key, _ in self._select.select(processes.POLL_S if self._asked else None):
                if self._is_current(key):
                    key.data(key.fileobj)
            self._tend()

    def _has_work(self) -> bool:
        return self._listener is not None or bool(self._forks) or bool(self._asked)

    def _tend(self) -> None:
        """Sees to those that were asked to end."""
        orphans = self._orphans() if self._asked else frozenset()
        for fork in list(self._asked):
            foreign = {session for other in self._asked if other is not fork for session in other.sessions}
            if fork.tend(orphans, foreign):
                self._asked.remove(fork)

    def _orphans(self) -> frozenset[int]:
        """What forks have left behind and still lives."""
        left = set(processes.children()) - {fork.pid for fork in self._forks.values()}
        return frozenset(pid for pid in left if os.waitpid(pid, os.WNOHANG) == (0, 0))

    def _is_current(self, key: selectors.SelectorKey) -> bool:
        """Whether what just happened is still of interest: an event before it may have ended what it is about."""
        try:
            return self._select.get_key(key.fileobj) is key
        except (KeyError, ValueError):
            return False

    def _retire(self, _: Any = None) -> None:
        if self._listener is not None:
            self._select.unregister(self._listener)
            self._select.unregister(0)
            self._listener.close()
            self._listener = None
            os.unlink(self.path)

    def _accept(self, listener: socket.socket) -> None:
        line, _ = listener.accept()
        try:
            request = receive(line)
        except (OSError, ValueError):
            line.close()
            return
        try:
            self._admit(request)
            self._fork(line, request)
        except RefusedError as refused:
            _answer(line, b"-" + str(refused).encode()[:200])
            line.close()
        finally:
            for file in request.files:
                os.close(file)

    def _admit(self, request: Request) -> None:
        if why := self._past_it():
            self._retire()
            raise RefusedError(why)
        self.admit(request)

    def _past_it(self) -> str:
        """Why it has to be replaced; empty if it has not."""
        if self._count >= self.most:
            return "it had served enough"
        if _resident() - self._size > MOST_GROWTH:
            return "it had grown"
        return "what it had imported was out of date" if self.stale() else ""

    def _fork(self, line: socket.socket, request: Request) -> None:
        self._count += 1
        before = self._orphans() if self._sees_all else None
        done = mmap.mmap(-1, 1)
        note: Path | None = None
        try:
            grace_s = float(request.environment.get(GRACE, "10"))
            note = note_for(request.environment, self._count)
            child = os.fork()
        except (OSError, ValueError) as wrong:  # no process to be had, or no sense in what is asked: none was made
            if note is not None:
                note.unlink(missing_ok=True)
            raise RefusedError(f"it cannot be forked: {type(wrong).__name__}") from wrong
        if child == 0:
            os._exit(self._live(line, request, note, done))
        handle = os.pidfd_open(child)
        self._forks[handle] = Fork(child, line, note, grace_s, before, done)
        self._select.register(handle, selectors.EVENT_READ, self._reap)
        self._select.register(line, selectors.EVENT_READ, self._hear)

    def _live(self, line: socket.socket, request: Request, note: Path | None, done: mmap.mmap) -> int:
        code, own = 250, os.getpid()
        try:
            self._let_go()
            put_on(request)
            line.sendall(b"+")  # or its client is gone already, and nothing is done
            code = self.become(request.argv) & 0xFF
        except BrokenPipeError:
            pass
        except BaseException:  # noqa: BLE001 - whatever it is, a fork must not go on as a second server
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except (OSError, ValueError):
                    code = code or 1
            if os.getpid() == own:  # not a fork of its own, that only came to its end here too
                done[0] = 1
                if note is not None:
                    note.unlink(missing_ok=True)
                _answer(line, bytes([code]))
        return code

    def _let_go(self) -> None:
        """In a fork: leaves what is the server's. A line that it kept open would hide the end of another fork."""
        self._select.close()
        if self._listener is not None:
            self._listener.close()
        for handle, fork in self._forks.items():
            os.close(handle)
            fork.line.close()

    def _hear(self, line: socket.socket) -> None:
        fork = next(fork for fork in self._forks.values() if fork.line is line)
        try:
            said = line.recv(1)
        except OSError:
            said = b""
        if not said:
            self._select.unregister(line)
        number = said[0] if said else self.abandoned
        if number is not None:
            fork.pass_on(number)
        if fork.is_asked and fork not in self._asked:
            self._asked.append(fork)

    def _reap(self, handle: int) -> None:
        fork = self._forks.pop(handle)
        self._select.unregister(handle)
        with contextlib.suppress(KeyError):  # its client may have gone before
            self._select.unregister(fork.line)
        os.waitpid(fork.pid, 0)
        os.close(handle)
        fork.line.close()
        fork.ended()


def receive(line: socket.socket) -> Request:
    """Reads a request. Raises OSError or ValueError for anything else."""
    line.settimeout(PATIENCE_S)
    header, files, _, _ = socket.recv_fds(line, 4, FILES)
    try:
        return _read(line, header, files)
    except BaseException:
        for file in files:
            os.close(file)
        raise


def _read(line: socket.socket, header: bytes, files: list[int]) -> Request:
    size = int.from_bytes(header, "big")
    if len(header) != 4 or len(files) != FILES or size > MOST_BYTES:
        raise ValueError("this is no request")
    body = bytearray()
    while len(body) < size:
        part = line.recv(size - len(body))
        if not part:
            raise ValueError("the request breaks off")
        body += part
    line.settimeout(None)
    cwd, count, *rest = (os.fsdecode(part) for part in bytes(body).split(b"\0"))
    pairs = (pair.partition("=") for pair in rest[int(count) :])
    return Request(cwd, rest[: int(count)], {name: value for name, _, value in pairs}, list(files))


def ask(
    path: str, cwd: str, argv: Sequence[str], environment: Mapping[str, str], files: Sequence[int]
) -> socket.socket:
    """Asks the server at `path` for a fork; returns the line to it.

    Raises:
        OSError: nobody is there, or it refuses (ConnectionRefusedError with its reason).
    """
    pairs = [f"{name}={value}" for name, value in environment.items()]
    body = b"\0".join(os.fsencode(part) for part in [cwd, str(len(argv)), *argv, *pairs])
    line = _reach(path)
    try:
        socket.send_fds(line, [len(body).to_bytes(4, "big")], list(files))
        line.sendall(body)
        _hear_answer(line)
    except BaseException:
        line.close()
        raise
    return line


def _hear_answer(line: socket.socket) -> None:
    said = line.recv(1)
    if said != b"+":
        raise ConnectionRefusedError(line.recv(200).decode(errors="replace") if said else "it is gone")


def put_on(request: Request) -> None:
    """Makes this fresh fork look like a program that was started for the request."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python itself does
    os.setsid()
    for place, file in enumerate(request.files):
        os.dup2(file, place)
    for file in request.files:
        if file > 2:
            os.close(file)
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.cwd)
    sys.argv = list(request.argv)
    streams = {
        "stdin": open(0, closefd=False),
        "stdout": open(1, "w", buffering=1 if os.isatty(1) else -1, closefd=False),
        "stderr": open(2, "w", buffering=1, closefd=False, errors="backslashreplace"),
    }
    for name, stream in streams.items():
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _listen(path: str) -> socket.socket:
    listener, draft = socket.socket(socket.AF_UNIX), path + ".new"
    _at(draft, listener.bind)
    os.chmod(draft, 0o600)
    listener.listen(128)
    os.rename(draft, path)  # whoever sees it is heard
    return listener


def _reach(path: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    try:
        _at(path, line.connect)
    except BaseException:
        line.close()
        raise
    return line


def _at(path: str, deed: Callable[[str], None]) -> None:
    """Does it by a short name of the same place: the address of a socket has 108 bytes, and folders lie deep."""
    folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
    try:
        deed(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
    finally:
        os.close(folder)


def _resident() -> int:
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _answer(line: socket.socket, said: bytes) -> None:
    with contextlib.suppress(OSError):  # the client is gone
        line.sendall(said)
