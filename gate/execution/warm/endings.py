"""How a fork ends that is asked to: with all that it has started, and so that it can be seen from outside.

As long as a fork of a run is at work, a note lies in the run's folder. It is there before the fork does anything, and
the fork takes it away when it is done. If it is asked to end, the note goes when all that it has started is gone; where
that is not certain, it stays.
Nothing but the standard library, and a neighbour that has nothing else.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Mapping

    from gate.execution import processes
elif __package__:
    from gate.execution import processes
else:  # under a host's interpreter, which has no gate
    import processes

GRACE = "GATE_GRACE_S"  # in the environment of a run: how long it has to end
PRIVATE = "ANSIBLE_LOCAL_TEMP"  # the same: its folder for temporary files, in its private one
NOTE = "fork-"
OVER = "over"  # a file in the folder of a run that was ended from outside
MARK = "alive"  # a file that a warm Ansible and its forks hold open
CLIENT = "client"  # the same of what was forked to be ansible-playbook, until it is
ASKS = frozenset({signal.SIGTERM, signal.SIGINT})


def all_gone(private: Path) -> bool:
    """Whether every fork of the run with this private folder is gone, with all that it has started."""
    return not any(private.glob(f"{NOTE}*"))


def note_for(environment: Mapping[str, str], number: int) -> Path | None:
    """Writes the note of a fork that is about to be; None if it belongs to no run."""
    private = Path(environment.get(PRIVATE, "/")).parent
    if not (private / "project").is_dir() or (private.parent / OVER).exists():
        return None
    note = private / f"{NOTE}{os.getpid()}-{number}"
    try:
        note.touch()
    except FileNotFoundError:  # the run ended this moment
        return None
    return note


@dataclass(eq=False)
class Fork:
    """A fork, the line to its client, and what there was already when it came: orphans of others."""

    pid: int
    line: socket.socket
    note: Path | None
    grace_s: float
    before: frozenset[int] | None  # None: orphans get out of sight here
    done: mmap.mmap  # shared with the fork, which says so itself
    is_asked: bool = False
    is_over: bool = False
    sessions: frozenset[int] = frozenset()
    _deadline: float = field(default=0.0, init=False)

    def pass_on(self, number: int) -> None:
        """Sends a signal to it and its process group.

        Asked to end, it has a time for that; asked again, it has had it. One that is done already is left alone: what
        it has started and not ended is meant to be there.
        """
        if self.done[0] and not self.is_asked:
            return
        now = time.monotonic()
        if number in ASKS and self.is_asked:
            self._deadline = now
        elif number in ASKS:
            self.is_asked, self._deadline = True, now + self.grace_s
            self.sessions = processes.sessions_below([self.pid]) | {self.pid}
        with contextlib.suppress(ProcessLookupError, OSError):
            os.killpg(self.pid, number)

    def ended(self) -> None:
        """It has ended."""
        self.is_over = True
        self.done.close()
        if not self.is_asked:
            self._forget()

    def tend(self, orphans: Collection[int], foreign: Collection[int]) -> bool:
        """Ends what is left of it when its time is over; returns whether there is nothing more to be done.

        `orphans` are what forks of this server have left, `foreign` the sessions of others that are asked to end.
        """
        late = time.monotonic() - self._deadline
        if not self.is_over:
            if late >= 0:
                self.sessions |= processes.sessions_below([self.pid])
                processes.kill([self.pid])
            return False
        sessions = {pid: processes.session(pid) for pid in orphans}
        mine = [pid for pid, session in sessions.items() if session in self.sessions or self._has_mark(pid)]
        if mine:
            if late >= 0:
                processes.kill(mine)
            return late >= processes.AFTER_KILL_S
        strangers = {pid for pid, session in sessions.items() if session not in foreign} - (self.before or set())
        if self.before is not None and all(processes.is_shared_connection(pid) for pid in strangers):
            self._forget()
        return True

    def _has_mark(self, pid: int) -> bool:
        # a fork of Ansible that came while it was asked to end
        return self.note is not None and processes.holds(pid, self.note.parent / MARK)

    def _forget(self) -> None:
        if self.note is not None:
            self.note.unlink(missing_ok=True)
