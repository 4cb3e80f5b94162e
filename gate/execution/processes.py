"""The processes below this one, as the kernel knows them: who leads which session, and whether any is left.

It serves under a host's interpreter too, so it has nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

POLL_S = 0.02
AFTER_KILL_S = 1.0  # how long the kernel may need for what was killed
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> bool:
    """From now on a descendant whose parent dies becomes a child of this process, so that none gets out of sight.

    Returns False where the kernel does not know how; then nothing can be said about what is left.
    """
    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def children() -> list[int]:
    """The children of this process, adopted ones included."""
    pids: list[int] = []
    for listed in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread ended meanwhile
            pids += [int(pid) for pid in listed.read_text().split()]
    return pids


def sessions_below(roots: Iterable[int]) -> frozenset[int]:
    """The sessions of everything below `roots`; those of the roots themselves are not among them."""
    parents = {pid: (parent, session) for pid, parent, session in _all()}
    found, above = set(), set(roots)
    while below := {pid for pid, (parent, _) in parents.items() if parent in above}:
        found |= {parents[pid][1] for pid in below}
        above = below
    return frozenset(found) - {parents[pid][1] for pid in roots if pid in parents}


def session(pid: int) -> int | None:
    """The session of a process; None if it is gone or hidden."""
    about = _about(pid)
    return about and about[2]


def reap() -> bool:
    """Takes leave of every child that has ended. Returns whether any other is left; the kernel says so, not /proc."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def holds(pid: int, *files: Path) -> bool:
    """Whether a process of our own has one of these files open."""
    with contextlib.suppress(OSError):
        return any(opened.readlink() in files for opened in Path(f"/proc/{pid}/fd").iterdir())
    return False


def is_shared_connection(pid: int) -> bool:
    """Whether it is an ssh that only keeps a connection open for later runs: it works on nothing by itself."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return line.startswith(b"ssh: ") and b"[mux]" in line


def kill(pids: Iterable[int]) -> None:
    """Kills what is still there and may be killed."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def end_children(mine: Callable[[int], bool], due: Callable[[], float]) -> bool:
    """Waits for the children that are `mine`, and kills them when it is `due`, on the clock time.monotonic.

    Returns whether it is certain that no child at all is left, but for shared connections.
    """
    while reap():
        seen = children()
        left = [pid for pid in seen if not is_shared_connection(pid)]
        if seen and not left:
            return True
        waited_for = [pid for pid in left if mine(pid)]
        late = time.monotonic() - due()
        if not waited_for or late >= AFTER_KILL_S:
            return False
        if late >= 0:
            kill(waited_for)
        time.sleep(POLL_S)
    return True


def _all() -> Iterator[tuple[int, int, int]]:
    for entry in Path("/proc").glob("[0-9]*"):
        about = _about(int(entry.name))
        if about is not None:
            yield about


def _about(pid: int) -> tuple[int, int, int] | None:
    # pid (name, which may hold anything) state parent group session
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return pid, int(fields[1]), int(fields[3])
