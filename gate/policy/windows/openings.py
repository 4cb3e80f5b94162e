"""The times of a window: what repeats, by cron or by a recurrence rule, and what is fixed, as spans in UTC.

A start is a local time and becomes a moment by `localtime.moment`; how long it stays open is time that really passes.
Only whole days end with the clock, at a midnight. All is pure, and bounded by the days that are asked for.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from cronsim import CronSim

from gate.policy.windows.localtime import Span, moment, wall
from gate.values.clock import stamp

MOST_A_DAY = 48  # openings; more often than that is a longer duration
_DAY = timedelta(days=1)


class Openings(Protocol):
    """When a window opens and closes."""

    def spans(self, after: datetime, before: datetime) -> Iterator[Span]:
        """What ends later than `after` and begins earlier than `before`, in the order of the starts."""
        ...

    def as_json(self) -> Any:
        """All that makes these times what they are, as plain JSON data."""
        ...


class Pattern(Protocol):
    """Local times that repeat."""

    def between(self, after: datetime, before: datetime) -> Iterator[datetime]:
        """Those later than `after` and earlier than `before`, in order; all of them without a zone."""
        ...

    def as_json(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Cron:
    """A checked line of five fields."""

    line: str

    def between(self, after: datetime, before: datetime) -> Iterator[datetime]:
        for local in CronSim(self.line, after):  # a time without a zone: nothing is done about turned clocks
            if local >= before:
                return
            yield local

    def as_json(self) -> Any:
        return self.line


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Open for `length` from each time of the pattern up to and with `last`, but for those in `left_out`.

    `whole_days` are open until the clock shows the same time `length` later, however long the day is.
    """

    pattern: Pattern
    length: timedelta
    zone: str
    last: datetime | None = None
    left_out: frozenset[datetime] = frozenset()
    whole_days: bool = False

    def spans(self, after: datetime, before: datetime) -> Iterator[Span]:
        # a day lasts at most two of them, and a local time differs from UTC by less than two
        since = after - self.length - (2 * _DAY if self.whole_days else timedelta(0))
        for local in self.pattern.between(wall(since, self.zone), wall(before, self.zone) + 2 * _DAY):
            start = moment(local, self.zone)
            if start >= before or (self.last is not None and start > self.last):
                return
            end = moment(local + self.length, self.zone) if self.whole_days else start + self.length
            if end > after and start not in self.left_out:
                yield start, end

    def as_json(self) -> Any:
        return {
            "pattern": self.pattern.as_json(),
            "length_s": int(self.length.total_seconds()),
            "zone": self.zone,
            "last": stamp(self.last) if self.last else None,
            "left_out": [stamp(one) for one in sorted(self.left_out)],
            "whole_days": self.whole_days,
        }


class Fixed:
    """Spans that are there once."""

    def __init__(self, spans: tuple[Span, ...]) -> None:
        self._spans = tuple(sorted(spans))
        self._longest = max((end - start for start, end in spans), default=timedelta(0))

    def spans(self, after: datetime, before: datetime) -> Iterator[Span]:
        first = bisect_left(self._spans, (after - self._longest,))
        for start, end in self._spans[first : bisect_left(self._spans, (before,))]:
            if end > after:
                yield start, end

    def as_json(self) -> Any:
        return [[stamp(start), stamp(end)] for start, end in self._spans]


@dataclass(frozen=True, slots=True)
class Together:
    """Whatever one of several opens."""

    parts: tuple[Openings, ...]

    def spans(self, after: datetime, before: datetime) -> Iterator[Span]:
        return heapq.merge(*(part.spans(after, before) for part in self.parts))

    def as_json(self) -> Any:
        return [part.as_json() for part in self.parts]


NEVER = Fixed(())
