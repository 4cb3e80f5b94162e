"""Stopping a run: when it has to stop, how politely, and whether it is certain that nothing of it goes on.

Whoever wants a run to stop writes the file `stop` into its folder; the end of its time does the same. Ansible is told
to end (SIGTERM) and takes the task in flight along, as far as its processes are on this machine: ansible-runner's own
cancel kills only Ansible, and the task goes on. What has not ended after a grace period is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gate.execution import processes
from gate.execution.warm import endings
from gate.values.errors import ExecutionError

FILE = "stop"
SETTLE_S = 2.0  # how long, after the grace period, what was killed may need to be gone


class Reason(StrEnum):
    """Why a run was stopped."""

    ASKED = "It was asked to stop."
    TIME = "It ran out of its time."


@dataclass(frozen=True, slots=True)
class Stop:
    """That a run was stopped, and how it went. `ended`: it is certain that nothing of it is left on this machine."""

    reason: Reason
    killed: bool
    ended: bool

    @property
    def note(self) -> str:
        return f"{self.reason} It had to be killed." if self.killed else str(self.reason)


def ask(folder: Path) -> None:
    """Asks the run in `folder` to stop. Returns at once; asking twice is asking once."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def is_asked(folder: Path) -> bool:
    """Whether the run in `folder` was asked to stop."""
    return (folder / FILE).exists()


def check_not_asked(folder: Path) -> None:
    """Raises ExecutionError if the run in `folder` was asked to stop before it began."""
    if is_asked(folder):
        raise ExecutionError(
            "Nothing was started.", "The run was asked to stop before it began.", "Propose it again if it is wanted."
        )


class Stopping:
    """Watches over one run in the process that called ansible-runner, which asks it all the time whether to kill."""

    def __init__(
        self, folder: Path, timeout_s: float, grace_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._timeout_s, self._grace_s, self._clock = folder, timeout_s, grace_s, clock
        self._began, self._asked_at = clock(), 0.0
        self._terminated = False
        self._reason: Reason | None = None
        self._killed = False
        self._roots: list[int] = []  # Ansible itself
        self._independent: frozenset[int] = frozenset()  # what Ansible had let go of before it was asked to end
        self._sees_all = False

    def start(self) -> Stopping:
        """Begins to watch: nothing below this process gets out of sight, and SIGTERM to it means stop."""
        self._sees_all = processes.adopt_orphans()
        signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __call__(self) -> bool:
        """ansible-runner's cancel_callback: True kills Ansible."""
        now = self._clock()
        self._roots = self._roots or processes.children()  # the first time there is nothing else
        if self._reason is None:
            self._reason = self._wanted(now)
            if self._reason is not None:
                self._asked_at = now
                self._ask_ansible()
            return False
        self._killed = now - self._asked_at >= self._grace_s
        return self._killed

    def settle(self) -> Stop | None:
        """After Ansible has ended: None if it did so by itself, or else how stopping went.

        Ends the tasks that Ansible has left behind, if it was started by this process. A warm server does that for
        what it has forked, and is waited for.
        """
        if self._reason is None:
            return None
        private = self._folder / "private"
        warm = (private / endings.MARK).exists()
        return Stop(self._reason, self._killed, self._forks_end(private) if warm else self._tasks_end())

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._terminated = True

    def _wanted(self, now: float) -> Reason | None:
        if self._terminated or is_asked(self._folder):
            return Reason.ASKED
        return Reason.TIME if now - self._began >= self._timeout_s else None

    def _ask_ansible(self) -> None:
        self._independent = frozenset(processes.children()) - set(self._roots)
        for pid in set(self._roots) & set(processes.children()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _tasks_end(self) -> bool:
        due = self._asked_at + self._grace_s
        return processes.end_children(lambda pid: pid not in self._independent, lambda: due) and self._sees_all

    def _forks_end(self, private: Path) -> bool:
        give_up = max(self._asked_at + self._grace_s, self._clock()) + SETTLE_S
        while not endings.all_gone(private):
            if self._clock() >= give_up:
                return False
            time.sleep(processes.POLL_S)
        return True
