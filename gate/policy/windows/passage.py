"""When do the windows let a change through? What is in its way now, and from when nothing is.

Through means: no freeze that covers it is on; if a window of kind allow or an entry `closed` covers it, such a window
is open; and all of that stays so for as long as the change may take. A change touches several hosts at once, so all of
them have to be let through at the same moment. Pure and bounded.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gate.policy.language.reference import holds
from gate.policy.language.rule import Facts
from gate.policy.windows.localtime import Span
from gate.policy.windows.window import REACH, Window

MOST_STEPS = 2000  # from one edge of a window to the next; after them it counts as never
_NOTHING = timedelta(microseconds=1)  # what takes no time still needs the moment in which it begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """The windows that cover one host of a change; `allows` holds the closed entries too. `takes`: at most so long."""

    allows: tuple[Window, ...]
    freezes: tuple[Window, ...]
    takes: timedelta

    @classmethod
    def of(cls, windows: Iterable[Window], facts: Facts, takes: timedelta) -> Cover:
        """Of all windows those whose scope holds."""
        covering = [window for window in windows if holds(window.scope, facts)]
        return cls(
            allows=tuple(window for window in covering if window.kind != "freeze"),
            freezes=tuple(window for window in covering if window.kind == "freeze"),
            takes=max(takes, _NOTHING),
        )

    def state(self, now: datetime) -> str:
        """The fact `windows`: none, open, closing or closed."""
        if self.allows and not any(window.is_open(now) for window in self.allows):
            return "closed"
        coming = any(not window.is_open(now) for window in self._freezing(now))
        if coming or (self.allows and not self._allowed(now)):
            return "closing"
        return "open" if self.allows else "none"

    def in_the_way(self, now: datetime) -> tuple[Window, ...]:
        """The windows that do not let it through now; none if it is through."""
        freezing = self._freezing(now)
        return freezing if not self.allows or self._allowed(now) else (*self.allows, *freezing)

    def later(self, at: datetime, end: datetime) -> datetime | None:
        """`at` if it is through then, otherwise a later moment before which it is not; None: not before `end`."""
        start = self._first_allowed(at, end) if self.allows else at
        if start is None or start > at:
            return start
        return max(
            (until for window in self._freezing(at) for _, until in window.spans(at, at + self.takes)), default=at
        )

    def _allowed(self, now: datetime) -> bool:
        return self._first_allowed(now, now + self.takes) == now

    def _first_allowed(self, at: datetime, end: datetime) -> datetime | None:
        return _first_long_enough(heapq.merge(*(one.spans(at, end) for one in self.allows)), at, self.takes)

    def _freezing(self, now: datetime) -> tuple[Window, ...]:
        return tuple(one for one in self.freezes if any(True for _ in one.spans(now, now + self.takes)))


def opens_at(covers: Collection[Cover], now: datetime) -> datetime | None:
    """The first moment from `now` on at which all are let through; None if there is none within 400 days."""
    at, end = now, now + REACH
    for _ in range(MOST_STEPS):
        bounds = [cover.later(at, end) for cover in covers]
        latest = max((bound for bound in bounds if bound is not None), default=at)
        if None in bounds or latest >= end:
            return None
        if latest == at:
            return at
        at = latest
    return None


def _first_long_enough(spans: Iterable[Span], at: datetime, takes: timedelta) -> datetime | None:
    """The first moment from `at` on from which spans, in the order of their starts, go on for that long."""
    start = end = at
    for opens, closes in spans:
        if opens > end or start == end:
            start, end = max(opens, at), closes
        end = max(end, closes)
        if end - start >= takes:
            return start
    return None
