"""The rules as they are on disk now: a changed folder is loaded before the next decision.

A bad edit takes nothing down and weakens nothing: the generation before it stays, and the log says why.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from pathlib import Path

from gate.policy.decision import Decision
from gate.policy.policy import Policy
from gate.policy.question import History, Question
from gate.policy.rule import Rule
from gate.values.errors import PolicyError

_log = logging.getLogger(__name__)
_Seen = tuple[tuple[str, int, int, int], ...]


class LivePolicy:
    """The newest sound generation of the rules in a folder."""

    def __init__(self, folder: Path) -> None:
        """Loads the rules. Raises PolicyError: there is no generation before the first one."""
        self._folder = folder
        self._lock = threading.Lock()
        self._seen = _look(folder)
        self._policy = Policy.load(folder)
        self.trouble: PolicyError | None = None

    @property
    def generation(self) -> str:
        """The digest of the rules that decide now."""
        with self._lock:
            return self._newest().generation

    @property
    def horizon(self) -> timedelta:
        """How far back a history must reach."""
        with self._lock:
            return self._newest().horizon

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that decide now."""
        with self._lock:
            return self._newest().rules

    def decide(self, question: Question, history: History, now: datetime) -> Decision:
        """The decision by the newest sound rules. It does not fail: trouble is a deny."""
        with self._lock:  # so that no reload ends the engine that is being asked
            return self._newest().decide(question, history, now)

    def close(self) -> None:
        """Ends the engine."""
        self._policy.close()

    def _newest(self) -> Policy:
        try:
            seen = _look(self._folder)
        except OSError:  # a file went away while it was looked at: look again next time
            return self._policy
        if seen != self._seen:
            self._seen = seen
            self._reload()
        return self._policy

    def _reload(self) -> None:
        try:
            fresh = Policy.load(self._folder)
        except PolicyError as wrong:
            self.trouble = wrong
            _log.error("the rules were edited and cannot be used; the generation before stays: %s", wrong)
            return
        old, self._policy, self.trouble = self._policy, fresh, None
        _log.warning("the rules were edited: generation %s", fresh.generation)
        old.close()


def _look(folder: Path) -> _Seen:
    found = []
    for path in sorted(folder.glob("*.yml")):
        stat = path.stat()
        found.append((path.name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(found)
