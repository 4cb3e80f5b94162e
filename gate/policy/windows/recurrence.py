"""RFC 5545 recurrences, walked day by day, so that none can take longer than the days that are asked for.

Promises: the same local times as the well-known libraries give. They are not used because they look for the next time
without a limit (`FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30` keeps them busy for many seconds) and from the very first on.
Pure: local times without a zone go in and come out. `rrule` reads them.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, product
from typing import Any, Literal

Frequency = Literal["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"]
_MOMENT, _DAY = timedelta(microseconds=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A rule and its first time. What it leaves out is filled in from the first time, as the RFC says.

    A weekday is (n, weekday): the n-th of the month or year, from its end if negative, each if 0. Monday is 0.
    """

    start: datetime
    frequency: Frequency
    interval: int = 1
    week_start: int = 0
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    weekdays: frozenset[tuple[int, int]] = frozenset()
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()

    @property
    def most_a_day(self) -> int:
        """How many times a day can have."""
        return len(self.hours or range(24)) * len(self.minutes)

    def between(self, after: datetime, before: datetime) -> Iterator[datetime]:
        """Its local times later than `after` and earlier than `before`, in order."""
        after = max(after, self.start - _MOMENT)
        found = self._chosen(after, before) if self.positions else self._times(after, before)
        return (at for at in found if after < at < before)

    def as_json(self) -> dict[str, Any]:
        """All that makes this rule what it is."""
        return {
            "start": self.start.isoformat(),
            "frequency": self.frequency,
            "interval": self.interval,
            "week_start": self.week_start,
            "months": sorted(self.months),
            "month_days": sorted(self.month_days),
            "year_days": sorted(self.year_days),
            "weekdays": [list(one) for one in sorted(self.weekdays)],
            "hours": list(self.hours),
            "minutes": list(self.minutes),
            "positions": list(self.positions),
        }

    def _times(self, after: datetime, before: datetime) -> Iterator[datetime]:
        day = after.replace(hour=0, minute=0, second=0, microsecond=0)
        while day < before:
            if self.months and day.month not in self.months:
                day = (day.replace(day=28) + 4 * _DAY).replace(day=1)
                continue
            if self._has(day):
                for hour, minute in product(self.hours or range(24), self.minutes):
                    at = day.replace(hour=hour, minute=minute, second=self.start.second)
                    if (self._period(at) - self._period(self.start)) % self.interval == 0:
                        yield at
            day += _DAY

    def _chosen(self, after: datetime, before: datetime) -> Iterator[datetime]:
        """By BYSETPOS, out of whole periods."""
        for _, period in groupby(self._times(self._period_start(after), before + 366 * _DAY), self._period):
            times = list(period)
            if times[0] >= before:
                return
            chosen = {position - 1 if position > 0 else len(times) + position for position in self.positions}
            yield from (times[index] for index in sorted(chosen) if 0 <= index < len(times))

    def _has(self, day: datetime) -> bool:
        in_month, in_year = monthrange(day.year, day.month)[1], 366 if isleap(day.year) else 365
        if self.month_days and not self.month_days & {day.day, day.day - in_month - 1}:
            return False
        year_day = day.timetuple().tm_yday
        if self.year_days and not self.year_days & {year_day, year_day - in_year - 1}:
            return False
        if not self.weekdays:
            return True
        of_year = self.frequency == "YEARLY" and not self.months
        number, length = (year_day, in_year) if of_year else (day.day, in_month)
        counts = (0, (number - 1) // 7 + 1, -((length - number) // 7 + 1))
        return any((count, day.weekday()) in self.weekdays for count in counts)

    def _period(self, at: datetime) -> int:
        match self.frequency:
            case "YEARLY":
                return at.year
            case "MONTHLY":
                return at.year * 12 + at.month
            case "WEEKLY":
                return (at.toordinal() - 1 - self.week_start) // 7
            case "DAILY":
                return at.toordinal()
            case "HOURLY":
                return at.toordinal() * 24 + at.hour

    def _period_start(self, at: datetime) -> datetime:
        day = at.replace(hour=0, minute=0, second=0, microsecond=0)
        match self.frequency:
            case "YEARLY":
                return day.replace(month=1, day=1)
            case "MONTHLY":
                return day.replace(day=1)
            case "WEEKLY":
                return day - (day.toordinal() - 1 - self.week_start) % 7 * _DAY
            case _:
                return day
