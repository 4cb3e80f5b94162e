"""The time. A decision reads the clock once and passes `now` on; the core never reads it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol

_DURATION = re.compile(r"(?P<n>[1-9][0-9]{0,5})(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def stamp(at: datetime) -> str:
    """An aware time as ISO 8601 in UTC with microseconds: sorts as text as it sorts as time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_stamp(text: str) -> datetime:
    """The inverse of `stamp`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def duration(text: str) -> timedelta:
    """`30s`, `15m`, `4h`, `7d` or `2w` as a timedelta.

    Raises:
        ValueError: anything else, a zero included.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no duration; write a number and one of s, m, h, d, w, as in 4h")
    return timedelta(**{_UNITS[found["unit"]]: int(found["n"])})
