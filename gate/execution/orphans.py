"""What is left of a run that is over: playbooks, and forks of them, that go on without anybody who would hear of it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from gate.execution import processes
from gate.execution.warm.endings import CLIENT, MARK, OVER

PLAYBOOK = b"ansible-playbook"
POLL_S = 0.02


def end(folder: Path) -> bool:
    """Ends every ansible-playbook of the run in `folder`, forks included, and waits until they are gone.

    One that was asked for and has not begun never will. A module that one of them has started comes to its own end;
    what it does to the host is unknown anyway. Returns whether there was any.
    """
    (folder / OVER).touch(mode=0o600)
    any_left = False
    while found := list(_playbooks(folder)):
        any_left = True
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)
    return any_left


def mark(temporary: Path, file: str = MARK) -> bool:
    """Makes this process, and every fork of it, known as one of the run whose temporary files are in `temporary`.

    It does so by holding `file` open.

    False: that run is over, and nothing of it may begin.
    """
    private = temporary.parent
    try:
        os.open(private / file, os.O_WRONLY | os.O_CREAT, 0o600)  # open as long as any of them lives
    except FileNotFoundError:
        return False
    return not (private.parent / OVER).exists()  # looked for last: who ends them writes it first


def _playbooks(folder: Path) -> Iterator[int]:
    private = folder / "private"
    # of one that was started, the environment names the run, and forks inherit it; of a warm one it is the server's
    environment = b"ANSIBLE_LOCAL_TEMP=" + os.fsencode(private / "tmp") + b"\0"
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or it is somebody else's
            started = PLAYBOOK in (process / "cmdline").read_bytes()
            ours = started and environment in (process / "environ").read_bytes()
            if ours or processes.holds(int(process.name), private / MARK, private / CLIENT):
                yield int(process.name)
