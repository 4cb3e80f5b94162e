"""The rules as they are on disk now: a changed folder is loaded before the next decision.

A bad edit takes nothing down and weakens nothing: the generation before it stays, and the log says why. Bad is what
cannot be read or compiled, what can never match, and what fails its own table tests. With an archive each generation is
kept before it decides, and a gate that starts beside a bad edit goes on with the generation that decided last.
"""

from __future__ import annotations

import logging
import os
import threading
from datetime import datetime, timedelta
from pathlib import Path

from gate.policy.decision import Decision
from gate.policy.generations.archive import Archive
from gate.policy.language.rule import Rule
from gate.policy.limits.limit import Limit
from gate.policy.policy import Policy
from gate.policy.question import History, Lookback, Question
from gate.policy.rules.rulebook import Rulebook
from gate.policy.tables.reading import Actions, read_tables
from gate.policy.tables.tables import refuse_failing
from gate.values.clock import Clock, SystemClock
from gate.values.errors import PolicyError

_log = logging.getLogger(__name__)
_Seen = tuple[tuple[str, int, int, int], ...]


class LivePolicy:
    """The newest sound generation of the rules in a folder. `trouble` says why a newer one does not decide."""

    def __init__(
        self,
        folder: Path,
        archive: Archive | None = None,
        *,
        actions: Actions | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Loads the rules; `actions` is what the catalog says, for table tests that ask it.

        Raises:
            PolicyError: they are not sound, and none that decided before is archived.
        """
        self._folder, self._archive, self._actions = folder, archive, actions
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._seen = _look(folder)
        self.trouble: PolicyError | None = None
        try:
            self._policy = self._load()
        except PolicyError as wrong:
            self._policy = self._last_sound(wrong)

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
    def lookback(self) -> Lookback:
        """How far back a history must reach, and for what."""
        with self._lock:
            return self._newest().lookback

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits that decide now."""
        with self._lock:
            return self._newest().limits

    @property
    def book(self) -> Rulebook:
        """All that decides now."""
        with self._lock:
            return self._newest().book

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
            self._reload()
            self._seen = seen  # not before: what went wrong with the disk is tried again
        return self._policy

    def _load(self) -> Policy:
        before = _look(self._folder)
        policy = load_sound(self._folder, self._archive, self._actions)
        try:
            if self._archive is not None:
                self._keep(self._archive, policy.generation, before)
        except BaseException:
            policy.close()
            raise
        return policy

    def _keep(self, archive: Archive, generation: str, seen: _Seen) -> None:
        now = self._clock.now()
        if not archive.keep(generation, self._folder, now, unchanged=lambda: _look(self._folder) == seen):
            raise PolicyError(
                f"{self._folder} was edited while it was read.", "What decides has to be archived.", "Try again."
            )
        archive.note_tested(generation, self._folder)
        archive.set_current(generation)

    def _last_sound(self, wrong: PolicyError) -> Policy:
        """The generation that decided last, exactly as it was; otherwise the refusal of the present one is raised."""
        last = self._archive.current() if self._archive is not None else None
        if self._archive is None or last is None:
            raise wrong
        policy = Policy.load(self._archive.get(last).folder)
        if policy.generation != last:  # read by another version of the gate or its engine, it may mean something else
            policy.close()
            raise wrong
        self.trouble = wrong
        _log.error("the rules cannot be used; the generation that decided last goes on: %s", wrong)
        return policy

    def _reload(self) -> None:
        try:
            fresh = self._load()
        except PolicyError as wrong:
            self.trouble = wrong
            _log.error("the rules were edited and cannot be used; the generation before stays: %s", wrong)
            return
        old, self._policy, self.trouble = self._policy, fresh, None
        _log.warning("the rules were edited: generation %s", fresh.generation)
        old.close()


def load_sound(folder: Path, archive: Archive | None = None, actions: Actions | None = None) -> Policy:
    """The policy of a folder, if the rules are sound and pass the table tests beside them.

    Raises:
        PolicyError: with the reason. No engine is left behind.
    """
    policy = Policy.load(folder)
    try:
        if archive is None or not archive.was_tested(policy.generation, folder):
            refuse_failing(policy, read_tables(folder / "tests", actions))
    except BaseException:
        policy.close()
        raise
    return policy


def _look(folder: Path) -> _Seen:
    return tuple(sorted([*_stats(folder, (".yml", ".ics")), *_stats(folder / "tests", (".yml",))]))


def _stats(folder: Path, endings: tuple[str, ...]) -> _Seen:
    try:
        entries = [entry for entry in os.scandir(folder) if entry.name.endswith(endings)]
    except OSError:  # it is not there, or nobody may look; whoever reads it will say so
        return ()
    # what is hidden is no rule; an editor's lock is a link to nowhere
    seen = [(entry.path, entry.stat(follow_symlinks=not entry.name.startswith("."))) for entry in entries]
    return tuple((path, stat.st_mtime_ns, stat.st_size, stat.st_ino) for path, stat in seen)
