"""What a lost worker left behind on this machine: playbooks that go on without anybody who would hear of it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

PLAYBOOK = b"ansible-playbook"
POLL_S = 0.02


def end(folder: Path) -> None:
    """Ends every ansible-playbook of the run in `folder`, forks included, and waits until they are gone.

    A module that one of them has started comes to its own end; what it does to the host is unknown anyway.
    """
    while found := list(_playbooks(folder)):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)


def _playbooks(folder: Path) -> Iterator[int]:
    # the environment names the run: it was written by the worker, and forks inherit it
    ours = b"ANSIBLE_LOCAL_TEMP=" + os.fsencode(folder / "private" / "tmp") + b"\0"
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or it is somebody else's
            if PLAYBOOK in (process / "cmdline").read_bytes() and ours in (process / "environ").read_bytes():
                yield int(process.name)
