"""What an entry of `windows.yml` says about time: `cron`, `rrule`, `dates` or `ics`, and `except`. Reading only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cronsim import CronSim, CronSimError

from gate.policy.language.source import Item
from gate.policy.windows.ics import LONGEST, read_calendar
from gate.policy.windows.localtime import Span, merged, read_day, read_local, read_span
from gate.policy.windows.openings import MOST_A_DAY, Cron, Fixed, Openings, Repeated
from gate.policy.windows.rrule import parse_rule

TIMES = ("cron", "rrule", "dates", "ics")
_WEEKDAY = r"(?:sun|mon|tue|wed|thu|fri|sat)"
_WEEKDAYS = re.compile(rf"\*|{_WEEKDAY}(?:-{_WEEKDAY})?(?:,{_WEEKDAY}(?:-{_WEEKDAY})?)*", re.IGNORECASE)
_CALENDAR = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}\.ics")


def read_openings(item: Item, keys: Mapping[str, Item], zone: str, folder: Path) -> Openings:
    """When the entry is open; it has exactly one of `TIMES`.

    Raises:
        PolicyError: with file, line, reason and mend.
    """
    named = [key for key in TIMES if key in keys]
    if len(named) != 1:
        there = " and ".join(f"`{key}`" for key in named) or "none of them"
        raise item.error(f"A window has one of {', '.join(TIMES)}; this has {there}.", "It says when.", "Keep one.")
    for key, whose in (("duration", ("cron", "rrule")), ("start", ("rrule",))):
        if (key in keys) != (named[0] in whose):
            what = f"`{key}` has no meaning with" if key in keys else f"There is no `{key}` for"
            mend = "Take it out." if key in keys else f"Add `{key}:`."
            raise item.error(f"{what} `{named[0]}`.", f"It belongs to {' and '.join(whose)}.", mend)
    match named[0]:
        case "cron":
            return Repeated(pattern=_cron(keys["cron"]), length=keys["duration"].duration(LONGEST), zone=zone)
        case "rrule":
            return _recurring(keys, zone)
        case "dates":
            spans = tuple(read_span(one, "A date", zone) for one in keys["dates"].items("`dates`"))
            if not spans:
                raise keys["dates"].error("`dates` is empty.", "It would never open.", "Name one.")
            return Fixed(spans)
        case _:
            return read_calendar(folder / keys["ics"].text("the name of a calendar file", _CALENDAR), zone)


def read_exceptions(item: Item, zone: str) -> tuple[Span, ...]:
    """Dates and spans, as spans that are in order and do not overlap. Raises PolicyError as above."""
    what = "A member of `except`"
    spans = [
        read_span(one, what, zone) if isinstance(one.value, dict) else read_day(one, what, zone)
        for one in item.items("`except`")
    ]
    return tuple(merged(iter(sorted(spans))))


def _recurring(keys: Mapping[str, Item], zone: str) -> Repeated:
    item = keys["rrule"]
    try:
        rule, ending = parse_rule(item.text("`rrule`"), read_local(keys["start"], "`start`"))
    except ValueError as wrong:
        why, _, fix = str(wrong).partition("\n")
        raise item.error("`rrule` cannot be taken.", f"{why[:1].upper()}{why[1:]}.", fix or "Mend it.") from None
    _refuse_often(item, rule.most_a_day)
    length = keys["duration"].duration(LONGEST)
    return Repeated(pattern=rule, length=length, zone=zone, last=ending.moment(zone))


def _cron(item: Item) -> Cron:
    fields = item.text("`cron`").split()
    if len(fields) != 5:
        raise item.error(
            f"`cron` has {len(fields)} fields.", "It is minute, hour, day of month, month, weekday.", "Write five."
        )
    if _WEEKDAYS.fullmatch(fields[4]) is None:
        raise item.error(
            f"The weekday {fields[4]!r} is not taken.",
            "Tools count weekdays from different days, so a number means different days to different people.",
            "Write names: mon-fri, or sat,sun.",
        )
    if fields[2] != "*" and fields[4] != "*":
        raise item.error(
            "`cron` has both a day of the month and a weekday.",
            "Some tools take that as `and`, some as `or`.",
            "Keep one of them; write two windows if both are meant.",
        )
    try:
        found = CronSim(" ".join(fields), datetime(2024, 1, 1))  # noqa: DTZ001 - the clock of no zone
    except CronSimError as wrong:
        raise item.error("`cron` cannot be read.", f"{wrong}.", "Mend that field.") from None
    if next(found, None) is None:
        raise item.error("`cron` never comes.", "No calendar has that day.", "Mend the date.")
    _refuse_often(item, len(found.minutes) * len(found.hours))
    return Cron(" ".join(fields))


def _refuse_often(item: Item, times: int) -> None:
    if times > MOST_A_DAY:
        raise item.error(
            f"It opens {times} times a day.", f"{MOST_A_DAY} are the most.", "Open it once, with a longer `duration`."
        )
