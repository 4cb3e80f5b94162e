"""A calendar file (RFC 5545) as times: each VEVENT is an opening, once or repeated.

Taken: DTSTART with DTEND or DURATION, TZID, whole days, one RRULE, RDATE, EXDATE, and single changed or cancelled
times of a series (RECURRENCE-ID). Refused, with the event: whatever else would change when something is open, and
whatever cannot be read. A zone has to be one of the IANA list; a VTIMEZONE of the file's own is not believed.
Titles, alarms and people are passed over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from gate.policy.language.zone import is_zone
from gate.policy.windows.localtime import FIRST_YEAR, LAST_YEAR, Span, moment
from gate.policy.windows.openings import MOST_A_DAY, Fixed, Openings, Repeated, Together
from gate.policy.windows.rrule import parse_rule
from gate.values.canonical import digest_bytes
from gate.values.errors import PolicyError

MAX_BYTES = 1024 * 1024
MAX_EVENTS = 2000
MAX_SERIES = 100  # events that repeat; each is walked on every look at the clock
LONGEST = timedelta(days=92)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a file opens; its digest is part of it, so that every edit of the file is a new generation."""

    name: str
    digest: str
    openings: Openings

    def spans(self, after: datetime, before: datetime) -> Iterator[Span]:
        return self.openings.spans(after, before)

    def as_json(self) -> Any:
        return {"ics": self.name, "digest": self.digest}


class _RefusedError(ValueError):
    """Something of an event cannot be taken: the reason and, after a newline, the mend."""


@dataclass(frozen=True, slots=True)
class _Time:
    """A time as the file writes it: what the clock of `zone` shows, or the beginning of a whole day."""

    local: datetime
    zone: str
    whole_day: bool

    @property
    def at(self) -> datetime:
        return moment(self.local, self.zone)


def read_calendar(path: Path, zone: str) -> Calendar:
    """The openings of a calendar file; `zone` is that of whole days and of times without one.

    Raises:
        PolicyError: with file, event, reason and mend.
    """
    content = _content(path)
    events = _events(path, content)
    changed: dict[str, list[datetime]] = defaultdict(list)  # UID -> times of the series that have an event of their own
    masters: Counter[str] = Counter()
    for event in events:
        with _named(path, event):
            if "RECURRENCE-ID" in event:
                changed[_uid(event)].append(_changed_time(event, zone))
            else:
                masters[_uid(event)] += 1
    once: list[Span] = []
    series: list[Openings] = []
    for event in events:
        with _named(path, event):
            if masters[_uid(event)] > 1:
                raise _RefusedError("its UID is there more than once\nExport the newest version of each event only.")
            if str(event.get("STATUS", "")).upper() != "CANCELLED":
                left_out = changed[_uid(event)] if "RECURRENCE-ID" not in event else []
                _open(event, zone, left_out, once, series)
    if len(series) > MAX_SERIES:
        raise PolicyError(f"{path} has {len(series)} events that repeat.", f"{MAX_SERIES} are the most.", "Split it.")
    return Calendar(path.name, digest_bytes(content), Together((Fixed(tuple(once)), *series)))


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as wrong:
        raise PolicyError(f"{path} cannot be read.", f"{wrong.strerror}.", "Mend the path or its mode.") from None
    if len(content) > MAX_BYTES:
        raise PolicyError(f"{path}: larger than {MAX_BYTES} bytes.", "It is read whole.", "Export fewer events.")
    return content


def _events(path: Path, content: bytes) -> list[Any]:
    from icalendar import Calendar as Parsed  # late: few sites have such files

    try:
        calendar = Parsed.from_ical(content.decode("utf-8"))
    except Exception as wrong:  # noqa: BLE001 - the file is from elsewhere; whatever is wrong with it, it is refused
        raise PolicyError(f"{path} is no calendar file.", f"{wrong}"[:200] + ".", "Export it again.") from None
    if calendar.name != "VCALENDAR" or calendar.errors:
        why = f"{calendar.errors[0]}"[:200] if calendar.errors else f"It is a {calendar.name}"
        raise PolicyError(f"{path} is no calendar file.", f"{why}.", "Export it again.")
    events = [part for part in calendar.subcomponents if part.name == "VEVENT"]
    if not 0 < len(events) <= MAX_EVENTS:
        raise PolicyError(f"{path} has {len(events)} events.", f"1 to {MAX_EVENTS} are taken.", "Export it again.")
    return events


@contextmanager
def _named(path: Path, event: Any) -> Iterator[None]:
    try:
        if event.errors:
            raise _RefusedError(": ".join(str(part) for part in event.errors[0] if part) + "\nMend it.")
        yield
    except ValueError as wrong:
        why, _, fix = str(wrong).partition("\n")
        label = f"{event.get('SUMMARY') or event.get('UID') or 'without a name'}"[:80]
        what = f"{path}: the event {label!r} cannot be taken."
        raise PolicyError(what, f"{why[:1].upper()}{why[1:300]}.", fix or "Mend it.") from None


def _open(event: Any, zone: str, changed: Sequence[datetime], once: list[Span], series: list[Openings]) -> None:
    """Adds what the event opens: single spans to `once`, what repeats to `series`."""
    if "EXRULE" in event:
        raise _RefusedError("it has an EXRULE, which the RFC has taken away\nWrite EXDATE instead.")
    start = _time(_single(event, "DTSTART"), None, zone)
    length = _length(event, start, zone)
    left_out = frozenset(one.at for one in _listed(event, "EXDATE", start, zone)) | frozenset(changed)
    single = _listed(event, "RDATE", start, zone)
    if "RRULE" in event:
        series.append(_series(event, start, length, left_out))
    else:
        single.append(start)
    once += [_span(one, length) for one in single if one.at not in left_out]


def _series(event: Any, start: _Time, length: timedelta, left_out: frozenset[datetime]) -> Repeated:
    rule, ending = parse_rule(_single(event, "RRULE").to_ical().decode(), start.local, all_day=start.whole_day)
    if rule.most_a_day > MOST_A_DAY:
        raise _RefusedError(f"it opens {rule.most_a_day} times a day\n{MOST_A_DAY} are the most: make it longer.")
    return Repeated(
        pattern=rule,
        length=length,
        zone=start.zone,
        last=ending.moment(start.zone),
        left_out=left_out,
        whole_days=start.whole_day,
    )


def _span(start: _Time, length: timedelta) -> Span:
    end = moment(start.local + length, start.zone) if start.whole_day else start.at + length
    if end <= start.at:
        raise _RefusedError("it is over when it begins\nMend its times.")
    return start.at, end


def _length(event: Any, start: _Time, zone: str) -> timedelta:
    if "DTEND" in event and "DURATION" in event:
        raise _RefusedError("it has both DTEND and DURATION\nTake one out.")
    if "DTEND" in event:
        end = _time(_single(event, "DTEND"), None, zone)
        if end.whole_day != start.whole_day:
            raise _RefusedError("one of DTSTART and DTEND is a date, the other a time\nWrite both in one way.")
        length = end.local - start.local if start.whole_day else end.at - start.at
    elif "DURATION" in event:
        length = _single(event, "DURATION").dt
    else:
        length = _DAY if start.whole_day else timedelta(0)
    if not timedelta(0) < length <= LONGEST or (start.whole_day and length % _DAY):
        raise _RefusedError(f"it lasts {length}\nMore than nothing and up to {LONGEST.days} days are taken.")
    return length


def _listed(event: Any, name: str, start: _Time, zone: str) -> list[_Time]:
    """The times of all EXDATE or RDATE, which have to be written as DTSTART is."""
    lines = event.get(name, [])
    found = [
        _time(one, line.params.get("TZID"), zone)
        for line in (lines if isinstance(lines, list) else [lines])
        for one in line.dts
    ]
    if any(one.whole_day != start.whole_day for one in found):
        raise _RefusedError(f"one of DTSTART and {name} is a date, the other a time\nWrite both in one way.")
    return found


def _changed_time(event: Any, zone: str) -> datetime:
    value = _single(event, "RECURRENCE-ID")
    if "RANGE" in value.params or {"RRULE", "RDATE"} & set(event):
        raise _RefusedError("it changes a series from some time on\nEnd the series there and begin another one.")
    return _time(value, None, zone).at


def _uid(event: Any) -> str:
    uid = str(event.get("UID", ""))
    if not uid:
        raise _RefusedError("it has no UID\nExport it again.")
    return uid


def _single(event: Any, name: str) -> Any:
    value = event.get(name)
    if value is None or isinstance(value, list):
        raise _RefusedError(f"it has {'several' if value else 'no'} {name}\nWrite one.")
    return value


def _time(value: Any, tzid: str | None, zone: str) -> _Time:
    at = value.dt
    if not isinstance(at, date):
        raise _RefusedError("it has a PERIOD among its times\nWrite it as an event of its own.")
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise _RefusedError(f"it is of the year {at.year}\n{FIRST_YEAR} to {LAST_YEAR} are taken.")
    if not isinstance(at, datetime):
        return _Time(datetime(at.year, at.month, at.day), zone, whole_day=True)  # noqa: DTZ001
    there = "UTC" if value.to_ical().endswith(b"Z") else _zone(tzid or value.params.get("TZID") or zone)
    return _Time(at.replace(tzinfo=None, fold=0), there, whole_day=False)


def _zone(name: str) -> str:
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    found: str = WINDOWS_TO_OLSON.get(name, name)
    if not is_zone(found):
        raise _RefusedError(f"its zone {name[:60]!r} is none of the IANA list\nExport it with a zone of that list.")
    return found
