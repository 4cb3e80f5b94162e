"""Reads recurrence rules of RFC 5545 and when they end.

Refuses: what the RFC leaves open (a start that is none of the rule's own times, an UNTIL of another kind than the
start), and BYWEEKNO, BYSECOND and anything finer than HOURLY.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, cast, get_args

from gate.policy.windows.localtime import moment
from gate.policy.windows.recurrence import Frequency, Recurrence

MOST_COUNTED = 1000  # of COUNT
MOST_IN_A_SET = 5000  # times of a period that BYSETPOS chooses from
_SEARCH = timedelta(days=366 * 9)  # 29 February can be eight years away
_COUNTING = timedelta(days=366 * 50)
_MOMENT = timedelta(microseconds=1)
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BYDAY = re.compile(r"([+-]?[1-9]\d?)?(MO|TU|WE|TH|FR|SA|SU)")
_NUMBER = re.compile(r"[+-]?\d{1,4}")
_UNTIL = re.compile(r"\d{8}(?:T\d{6}Z?)?")
_LISTS = {  # name -> smallest, largest, whether negative ones count from the end
    "BYMONTH": (1, 12, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSETPOS": (1, 366, True),
}
_NOT_WITH = {"BYMONTHDAY": ("WEEKLY",), "BYYEARDAY": ("DAILY", "WEEKLY", "MONTHLY")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """When a rule ends: never, with a local time, or with a moment in UTC; the last one still counts."""

    local: datetime | None = None
    utc: datetime | None = None

    def moment(self, zone: str) -> datetime | None:
        """The last moment in UTC at which it begins, if the rule is of that zone."""
        return moment(self.local, zone) if self.local else self.utc


def parse_rule(text: str, start: datetime, *, all_day: bool = False) -> tuple[Recurrence, Ending]:
    """A rule such as `FREQ=MONTHLY;BYDAY=2TU` that begins at the local time `start`.

    Raises:
        ValueError: with the reason and, after a newline, the mend.
    """
    parts = _parts(text)
    frequency = _frequency(parts)
    lists = {name: _numbers(name, parts[name], *bounds) for name, bounds in _LISTS.items() if name in parts}
    for name, others in _NOT_WITH.items():
        if name in lists and frequency in others:
            raise ValueError(f"{name} has no meaning with FREQ={frequency}\nTake one of them out.")
    weekdays = _weekdays(parts["BYDAY"], frequency) if "BYDAY" in parts else frozenset[tuple[int, int]]()
    rule = Recurrence(
        start=start,
        frequency=frequency,
        interval=_number("INTERVAL", parts.get("INTERVAL", "1"), 1, 1000),
        week_start=_week_start(parts.get("WKST", "MO")),
        **_filled_in(lists, weekdays, frequency, start),
        hours=tuple(sorted(lists.get("BYHOUR", set() if frequency == "HOURLY" else {start.hour}))),
        minutes=tuple(sorted(lists.get("BYMINUTE", {start.minute}))),
        positions=tuple(sorted(lists.get("BYSETPOS", ()))),
    )
    _refuse_large_sets(rule)
    _refuse_other_start(rule)
    return rule, _ending(rule, parts, all_day=all_day)


def _parts(text: str) -> dict[str, str]:
    known = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *_LISTS)
    found: dict[str, str] = {}
    for part in text.upper().removeprefix("RRULE:").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name not in known:
            raise ValueError(f"{part[:60]!r} is not taken\nWrite NAME=VALUE of {', '.join(known)}.")
        if name in found:
            raise ValueError(f"{name} is there twice\nTake one out.")
        found[name] = value
    if [name for name in found if name.startswith("BY")] == ["BYSETPOS"]:
        raise ValueError("BYSETPOS has nothing to choose from\nName the days, or take it out.")
    return found


def _frequency(parts: dict[str, str]) -> Frequency:
    known = get_args(Frequency)
    if parts.get("FREQ") not in known:
        raise ValueError(f"FREQ is {parts.get('FREQ', 'missing')}\nWrite FREQ= one of {', '.join(known)}.")
    return cast("Frequency", parts["FREQ"])


def _number(name: str, text: str, low: int, high: int, *, negative: bool = False) -> int:
    found = int(text) if _NUMBER.fullmatch(text) else None
    if found is None or not low <= (abs(found) if negative else found) <= high:
        raise ValueError(f"{name} is {text[:20]!r}\nWrite whole numbers from {low} to {high}.")
    return found


def _numbers(name: str, text: str, low: int, high: int, negative: bool) -> set[int]:  # noqa: FBT001
    return {_number(name, one, low, high, negative=negative) for one in text.split(",")}


def _weekdays(text: str, frequency: Frequency) -> frozenset[tuple[int, int]]:
    found = set()
    for one in text.split(","):
        fits = _BYDAY.fullmatch(one)
        if fits is None or (fits[1] and frequency not in ("MONTHLY", "YEARLY")):
            raise ValueError(f"BYDAY has {one[:20]!r}\nWrite MO to SU; with MONTHLY or YEARLY also 2TU or -1FR.")
        found.add((int(fits[1] or 0), _WEEKDAYS.index(fits[2])))
    return frozenset(found)


def _week_start(text: str) -> int:
    if text not in _WEEKDAYS:
        raise ValueError(f"WKST is {text[:20]!r}\nWrite MO to SU.")
    return _WEEKDAYS.index(text)


def _filled_in(
    lists: dict[str, set[int]], weekdays: frozenset[tuple[int, int]], frequency: Frequency, start: datetime
) -> dict[str, Any]:
    """The days of the rule; those of the first time where it names none."""
    months, month_days = lists.get("BYMONTH", set()), lists.get("BYMONTHDAY", set())
    if not weekdays and not month_days and "BYYEARDAY" not in lists:
        match frequency:
            case "YEARLY":
                months, month_days = months or {start.month}, {start.day}
            case "MONTHLY":
                month_days = {start.day}
            case "WEEKLY":
                weekdays = frozenset({(0, start.weekday())})
            case _:
                pass
    return {
        "months": frozenset(months),
        "month_days": frozenset(month_days),
        "year_days": frozenset(lists.get("BYYEARDAY", ())),
        "weekdays": weekdays,
    }


def _refuse_large_sets(rule: Recurrence) -> None:
    days = {"YEARLY": 366, "MONTHLY": 31, "WEEKLY": 7}.get(rule.frequency, 1)
    if rule.positions and days * rule.most_a_day > MOST_IN_A_SET:
        raise ValueError("BYSETPOS would choose out of too many times\nName fewer hours and minutes.")


def _refuse_other_start(rule: Recurrence) -> None:
    first = next(rule.between(rule.start - _MOMENT, rule.start + _SEARCH), None)
    if first is None:
        raise ValueError("no day of the next nine years fits it\nMend the rule.")
    if first != rule.start:
        raise ValueError(
            f"its start {rule.start:%Y-%m-%d %H:%M} is none of its own times, and what that means is not defined\n"
            f"Begin at {first:%Y-%m-%d %H:%M}, the first one from there on."
        )


def _ending(rule: Recurrence, parts: dict[str, str], *, all_day: bool) -> Ending:
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("COUNT and UNTIL are both there\nTake one out.")
    if "COUNT" in parts:
        count = _number("COUNT", parts["COUNT"], 1, MOST_COUNTED)
        last = next(islice(rule.between(rule.start - _MOMENT, rule.start + _COUNTING), count - 1, None), None)
        if last is None:
            raise ValueError(f"COUNT={count} is not reached within fifty years\nWrite UNTIL instead.")
        return Ending(local=last)
    return _until(parts["UNTIL"], all_day=all_day) if "UNTIL" in parts else Ending()


def _until(text: str, *, all_day: bool) -> Ending:
    wanted = "20261231" if all_day else "20261231T220000Z (UTC) or 20261231T220000 (local)"
    if _UNTIL.fullmatch(text) is None or ("T" not in text) != all_day:
        raise ValueError(f"UNTIL is {text[:20]!r}\nWrite it as {wanted}.")
    try:
        if text.endswith("Z"):
            return Ending(utc=datetime.strptime(text + "+0000", "%Y%m%dT%H%M%SZ%z"))
        return Ending(local=datetime.strptime(text, "%Y%m%d" if all_day else "%Y%m%dT%H%M%S"))  # noqa: DTZ007
    except ValueError:
        raise ValueError(f"UNTIL is {text!r}, which no calendar has\nWrite it as {wanted}.") from None
