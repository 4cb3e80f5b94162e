"""What ansible-playbook is to a worker with warm servers: the warm Ansible, or where none answers, the one on disk.

The fork that ansible-runner makes to start ansible-playbook becomes it without starting anything, which takes as long
as a tenth of a short run. A warm fork that was killed kills its client in the same way, so that ansible-runner sees
what it would have seen.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from gate.execution import orphans
from gate.execution.warm.endings import CLIENT, PRIVATE
from gate.execution.warm.forkserver import ask

NOTE = "GATE_COLD_NOTE"  # in the environment: the file that is to say why it was cold
ASKS = (signal.SIGTERM, signal.SIGINT)
LOST = 250  # the exit code of one that is neither, or whose run is over: to Ansible it is an unexpected error


def become(server: Path, argv: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """In a fork that was made for it: is the ansible-playbook of `argv`, by what listens at `server` or else cold."""
    try:
        for number in ASKS:
            signal.signal(number, signal.SIG_DFL)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # as if it had been started
        if not orphans.mark(Path(environment[PRIVATE]), CLIENT):
            os._exit(LOST)
        line = _ask(server, argv, environment)
        code = _wait(line)
        if not code:
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(code[0])
    except BaseException:  # noqa: BLE001 - whatever it is, the fork must not go on as a second worker
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(LOST)


def _ask(server: Path, argv: Sequence[str], environment: Mapping[str, str]) -> socket.socket:
    """The line to a warm Ansible that has begun; if there is none, this process is the one on disk from here on."""
    try:
        return ask(str(server), os.getcwd(), argv, environment, (0, 1, 2))
    except OSError as wrong:
        if note := environment.get(NOTE):
            Path(note).write_text(f"no warm Ansible answers: {wrong.strerror or wrong}\n")
        os.execve(argv[0], list(argv), dict(environment))


def _wait(line: socket.socket) -> bytes:
    """The exit code of the warm Ansible, nothing if it was killed. Who asks this process to end asks that one."""

    def pass_on(number: int, _: FrameType | None) -> None:
        with contextlib.suppress(OSError):  # it has ended just now; its code is on its way
            line.send(bytes([number]))

    for number in ASKS:
        signal.signal(number, pass_on)
    try:
        return line.recv(1)
    except ConnectionError:
        return b""
