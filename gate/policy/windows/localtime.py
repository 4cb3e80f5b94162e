"""Local times become moments, by one definition for everything that the clock is turned under.

A local time is the first moment at which the clock of its zone shows it or a later one. So what a gap skips comes at
the end of the gap, and what the clock shows twice comes once, the first time. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from gate.policy.language.source import Item

FIRST_YEAR, LAST_YEAR = 1970, 2200
Span = tuple[datetime, datetime]  # from the first moment up to, and without, the second; aware, in UTC
_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SECOND = timedelta(seconds=1)


def wall(at: datetime, zone: str) -> datetime:
    """What the clock of the zone shows at `at`, without a zone."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=4096)
def moment(local: datetime, zone: str) -> datetime:
    """The first moment, in UTC, at which the clock of the zone shows `local` or later."""
    there = local.replace(tzinfo=ZoneInfo(zone), fold=0)  # of two, the first; in a gap, after its end
    late = there.astimezone(UTC)
    if wall(late, zone) == local:
        return late
    early = there.replace(fold=1).astimezone(UTC)  # before the gap
    while late - early > _SECOND:
        middle = early + (late - early) // 2 // _SECOND * _SECOND
        early, late = (early, middle) if wall(middle, zone) >= local else (middle, late)
    return late


def read_local(item: Item, what: str) -> datetime:
    """A local time such as `2026-12-24 18:00`, without a zone.

    Raises:
        PolicyError: it is none.
    """
    text = item.text(what)
    try:
        found = datetime.strptime(text, "%Y-%m-%d %H:%M") if _LOCAL.fullmatch(text) else None  # noqa: DTZ007
    except ValueError:
        found = None
    if found is None or not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise item.error(
            f"{what} is {text!r}.", "A local date and time is needed.", "Write it as 2026-12-24 18:00, with no zone."
        )
    return found


def read_span(item: Item, what: str, zone: str) -> Span:
    """`{from: 2026-12-24 18:00, to: 2026-12-27 06:00}`, local times of the zone.

    Raises:
        PolicyError: it is none, or no time passes between the two.
    """
    keys = item.entries(what, ("from", "to"))
    start, end = (moment(read_local(keys[key], f"`{key}`"), zone) for key in ("from", "to"))
    if start >= end:
        raise item.error(f"{what} is over before it begins.", "`to` is not later than `from`.", "Mend one of them.")
    return start, end


def read_day(item: Item, what: str, zone: str) -> Span:
    """A date such as `2026-12-24`: that day from its beginning to its end, by the clock of the zone.

    Raises:
        PolicyError: it is none, or the zone has no such day.
    """
    text = item.text(what)
    try:
        day = datetime.strptime(text, "%Y-%m-%d") if _DATE.fullmatch(text) else None  # noqa: DTZ007
    except ValueError:
        day = None
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise item.error(f"{what} is {text!r}.", "A date is needed.", "Write 2026-12-24, or {from: ..., to: ...}.")
    start, end = moment(day, zone), moment(day + timedelta(days=1), zone)
    if start == end:
        raise item.error(f"{zone} had no {text}.", "Its clock skipped that day.", "Take it out.")
    return start, end


def merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in the order of their starts, as fewer ones that neither overlap nor touch."""
    current: Span | None = None
    for start, end in spans:
        if current is None or start > current[1]:
            if current is not None:
                yield current
            current = (start, end)
        else:
            current = (current[0], max(current[1], end))
    if current is not None:
        yield current


def without(spans: Iterable[Span], holes: tuple[Span, ...]) -> Iterator[Span]:
    """What is left of spans without the holes; both are in order and do not overlap among themselves."""
    for first, end in spans:
        start = first
        for hole_start, hole_end in holes:
            if hole_end <= start or hole_start >= end:
                continue
            if hole_start > start:
                yield start, hole_start
            start = hole_end
        if start < end:
            yield start, end
