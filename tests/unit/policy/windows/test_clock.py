"""Windows against a clock that is watched minute by minute, in twelve zones, each over three of its stranger years.

The clock here knows nothing but what it shows: a start comes in the first minute that shows it or a later time than
ever before. The normal suite looks at the days around every turn of the clock and at some days between; the whole of
the three years is looked at under the marker `exhaustive`.
"""

import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gate.policy.windows.reading import read_windows
from gate.policy.windows.window import Window

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = {
    "Europe/Berlin": 2025,
    "America/New_York": 2025,
    "Australia/Lord_Howe": 2025,  # half an hour
    "Pacific/Apia": 2010,  # 30 December 2011 never was
    "America/St_Johns": 2010,  # turned at 00:01
    "Africa/Casablanca": 2025,  # four turns a year
    "Asia/Tehran": 2020,  # turned at midnight, then never again
    "Asia/Kathmandu": 1985,  # moved by a quarter of an hour
    "America/Sao_Paulo": 2017,  # days that begin at 01:00
    "Pacific/Auckland": 2025,
    "Europe/Dublin": 2025,  # winter is the exception
    "UTC": 2025,
}
Starts = Callable[[datetime], bool]


def every(minutes: set[int], hours: set[int], days: Callable[[datetime], bool] = lambda at: True) -> Starts:
    return lambda at: at.minute in minutes and at.hour in hours and days(at)


def spaced(start: str, hours: int) -> Starts:
    begin = datetime.fromisoformat(start)
    return lambda at: at >= begin and (at - begin) % timedelta(hours=hours) == timedelta(0)


def last_sunday(at: datetime) -> bool:
    return at.weekday() == 6 and (at + 7 * DAY).month != at.month


# what is written, when it starts by a clock that is never turned, and for how many minutes it is open
REPEATED = {
    "a night hour": ("cron: 30 2 * * *, duration: 1h", every({30}, {2}), 60),
    "over midnight": (
        "cron: 0 22 * * mon-fri, duration: 4h",
        every({0}, {22}, lambda at: at.weekday() < 5),
        240,
    ),
    "often": ("cron: '*/20 0-3 * * *', duration: 10m", every({0, 20, 40}, {0, 1, 2, 3}), 10),
    "longer than a day": ("cron: 15 23 * * sun, duration: 50h", every({15}, {23}, lambda at: at.weekday() == 6), 3000),
    "midnight": ("cron: 0 0 * * *, duration: 24h", every({0}, {0}), 1440),
    "last sunday": (
        "rrule: FREQ=MONTHLY;BYDAY=-1SU, start: 1980-01-27 01:45, duration: 90m",
        every({45}, {1}, last_sunday),
        90,
    ),
    "two hours of sundays": (
        "rrule: FREQ=WEEKLY;BYDAY=SU;BYHOUR=0\\,2;BYMINUTE=0\\,30, start: 1980-01-06 00:00, duration: 20m",
        every({0, 30}, {0, 2}, lambda at: at.weekday() == 6),
        20,
    ),
    "every seven hours": (
        "rrule: FREQ=HOURLY;INTERVAL=7, start: 1984-12-30 02:30, duration: 3h",
        spaced("1984-12-30 02:30", 7),
        180,
    ),
    "every third day": (
        "rrule: FREQ=DAILY;INTERVAL=3, start: 1984-12-30 02:15, duration: 1d",
        spaced("1984-12-30 02:15", 72),
        1440,
    ),
}


def window(folder: Path, zone: str, text: str, more: str = "") -> Window:
    """The window that `key: value, key: value` writes down; `\\,` is a comma within a value."""
    lines = [f"zone: {zone}", *(part.replace("\\,", ",") for part in re.split(r"(?<!\\), ", text))]
    file = folder / "windows.yml"
    file.write_text("- window: w\n  kind: allow\n  " + "\n  ".join(lines) + more + "\n")
    return read_windows(file)[0]


def turns(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The hours in which the clock of the zone is turned."""
    at = begin
    while at < end:
        if at.astimezone(zone).utcoffset() != (at + HOUR).astimezone(zone).utcoffset():
            yield at
        at += HOUR


def stretches(zone_name: str, seed: str) -> list[tuple[datetime, datetime]]:
    """From two days before to two days after each turn, and three days somewhere else."""
    zone, rng = ZoneInfo(zone_name), random.Random(seed)  # noqa: S311
    begin = datetime(ZONES[zone_name], 1, 1, tzinfo=UTC)
    places = [*turns(zone, begin, begin + 1096 * DAY), begin + DAY * rng.randrange(1090)]
    return [(at - 36 * HOUR, at + 36 * HOUR) for at in places]


def whole(zone_name: str) -> list[tuple[datetime, datetime]]:
    begin = datetime(ZONES[zone_name], 1, 1, tzinfo=UTC)
    return [(begin, begin + 1096 * DAY)]


def watched(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, datetime]]:
    """Each minute, what the clock showed at most before it, and what it has shown at most by then."""
    at, shown = begin, datetime.min  # noqa: DTZ901
    while at < end:
        before = shown
        shown = max(shown, at.astimezone(zone).replace(tzinfo=None))
        yield at, before, shown
        at += MINUTE


def differences(made: Window, starts: Starts, minutes: int, begin: datetime, end: datetime) -> list[datetime]:
    """The minutes from `begin` to `end` in which the window is not as the watched clock says."""
    wrong, left = [], 0
    warm_up = begin - minutes * MINUTE - 3 * DAY
    for at, before, shown in watched(ZoneInfo(made.zone), warm_up, end):
        newly = before + MINUTE if at > warm_up else shown
        while newly <= shown:
            if starts(newly):
                left = minutes
                break
            newly += MINUTE
        if at >= begin and made.is_open(at) != (left > 0):
            wrong.append(at)
        left -= 1
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
def test_what_repeats_is_open_as_a_watched_clock_says_around_every_turn(tmp_path, zone):
    kinds = list(REPEATED)
    for number, (begin, end) in enumerate(stretches(zone, zone)):
        for kind in (kinds[number % len(kinds)], kinds[(number + 5) % len(kinds)]):
            text, starts, minutes = REPEATED[kind]
            assert differences(window(tmp_path, zone, text), starts, minutes, begin, end) == [], kind


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", REPEATED)
@pytest.mark.parametrize("zone", ZONES)
def test_what_repeats_is_open_as_a_watched_clock_says_in_every_minute_of_three_years(tmp_path, zone, kind):
    text, starts, minutes = REPEATED[kind]
    for begin, end in whole(zone):
        assert differences(window(tmp_path, zone, text), starts, minutes, begin, end) == []


def local_spans(zone: str, count: int, around: list[datetime], rng: random.Random) -> list[tuple[datetime, datetime]]:
    """Local times from and to, many of them such that the clock of the zone skips or repeats them."""
    found = []
    for _ in range(count):
        near = rng.choice(around).astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0)
        start = near + MINUTE * rng.randrange(-300, 300)
        found.append((start, start + MINUTE * rng.randrange(1500, 4000)))
    return found


def flow(spans: list[tuple[datetime, datetime]], key: str) -> str:
    written = [f"{{from: {start:%Y-%m-%d %H:%M}, to: {end:%Y-%m-%d %H:%M}}}" for start, end in spans]
    return f"\n  {key}: [{', '.join(written)}]"


def dated_differences(
    made: Window, dates: list[tuple[datetime, datetime]], holes: list[tuple[datetime, datetime]], begin, end
) -> list[datetime]:
    wrong = []
    for at, _, shown in watched(ZoneInfo(made.zone), begin - 3 * DAY, end):
        within = [any(start <= shown < stop for start, stop in spans) for spans in (dates, holes)]
        if at >= begin and made.is_open(at) != (within[0] and not within[1]):
            wrong.append(at)
    return wrong


def look_at_dates(folder: Path, zone: str, parts: list[tuple[datetime, datetime]]) -> None:
    rng = random.Random(zone)  # noqa: S311
    for begin, end in parts:
        around = [*turns(ZoneInfo(zone), begin, end), begin + DAY]
        dates, holes = (local_spans(zone, count, around, rng) for count in (3, 2))
        day = (begin + 2 * DAY).astimezone(ZoneInfo(zone)).replace(tzinfo=None, hour=0, minute=0)
        made = window(folder, zone, "because: Dates.", flow(dates, "dates") + flow(holes, "except"))
        assert dated_differences(made, dates, holes, begin, end) == []
        made = window(folder, zone, f"except: [{day:%Y-%m-%d}]", flow(dates, "dates"))
        assert dated_differences(made, dates, [(day, day + DAY)], begin, end) == []


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
def test_dates_and_exceptions_are_as_a_watched_clock_says_around_every_turn(tmp_path, zone):
    look_at_dates(tmp_path, zone, stretches(zone, zone)[-2:])


@pytest.mark.exhaustive
@pytest.mark.parametrize("zone", ZONES)
def test_dates_and_exceptions_are_as_a_watched_clock_says_in_three_years(tmp_path, zone):
    look_at_dates(tmp_path, zone, stretches(zone, zone))
    look_at_dates(tmp_path, zone, whole(zone))


def test_a_day_that_never_was_opens_what_starts_in_it_when_it_is_over(tmp_path):
    made = window(tmp_path, "Pacific/Apia", "cron: 0 12 30 * *, duration: 1h")
    after = datetime(2011, 12, 30, 10, tzinfo=UTC)  # the clock goes from 29 December 24:00 to 31 December 00:00
    assert made.next_start(after - DAY) == after
    assert made.until(after) == after + HOUR
    assert not made.is_open(after - MINUTE)
