"""Windows: the clock that is turned, the edges of a window, and cron lines that tools disagree on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.policy.language.rule import Leaf
from gate.policy.windows.localtime import merged
from gate.policy.windows.openings import Cron, Repeated
from gate.policy.windows.reading import read_windows
from gate.policy.windows.window import Window
from gate.values.errors import PolicyError

MINUTE = timedelta(minutes=1)
GOOD = {"window": "nights", "kind": "allow", "cron": '"0 22 * * *"', "duration": "4h", "zone": "UTC"}


def window(folder: Path, **changed: str) -> Window:
    file = folder / "windows.yml"
    lines = [f"{key}: {value}" for key, value in (GOOD | changed).items()]
    file.write_text("- " + "\n  ".join(lines) + "\n")
    return read_windows(file)[0]


def open_span(window: Window, day: str) -> tuple[str, str, int]:
    """The first and the last local minute of openness within that day, and how many minutes were open."""
    zone = ZoneInfo(window.zone)
    start = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC) - timedelta(hours=1)
    opened = [at for at in (start + MINUTE * n for n in range(15 * 60)) if window.is_open(at)]
    first, last = opened[0].astimezone(zone), (opened[-1] + MINUTE).astimezone(zone)
    return f"{first:%H:%M%z}", f"{last:%H:%M%z}", len(opened)


@pytest.mark.parametrize(
    ("zone", "day", "cron", "duration", "expected"),
    [
        ("Europe/Berlin", "2026-03-29", "30 2 * * *", "1h", ("03:00+0200", "04:00+0200", 60)),
        ("Europe/Berlin", "2026-10-25", "30 2 * * *", "1h", ("02:30+0200", "02:30+0100", 60)),
        ("Europe/Berlin", "2026-10-25", "0 1 * * *", "4h", ("01:00+0200", "04:00+0100", 240)),
        ("Europe/Berlin", "2026-03-29", "0 1 * * *", "4h", ("01:00+0100", "06:00+0200", 240)),
        ("America/New_York", "2026-03-08", "30 2 * * *", "1h", ("03:00-0400", "04:00-0400", 60)),
        ("America/New_York", "2026-11-01", "30 1 * * *", "1h", ("01:30-0400", "01:30-0500", 60)),
        ("America/New_York", "2026-11-01", "0 1 * * *", "4h", ("01:00-0400", "04:00-0500", 240)),
    ],
)
def test_a_window_opens_once_and_for_its_whole_time_where_the_clock_is_turned(
    tmp_path, zone, day, cron, duration, expected
):
    made = window(tmp_path, zone=zone, cron=f'"{cron}"', duration=duration)
    assert open_span(made, day) == expected


def test_a_window_is_open_at_its_first_moment_and_closed_at_its_last(tmp_path):
    made = window(tmp_path)
    start = datetime(2026, 5, 4, 22, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    assert not made.is_open(start - tick)
    assert made.is_open(start)
    assert made.is_open(start + timedelta(hours=4) - tick)
    assert not made.is_open(start + timedelta(hours=4))


def test_a_window_over_several_days_is_open_far_from_its_start(tmp_path):
    made = window(tmp_path, cron='"0 0 20 dec *"', duration="14d")
    assert made.is_open(datetime(2026, 12, 31, 12, tzinfo=UTC))
    assert made.until(datetime(2026, 12, 31, 12, tzinfo=UTC)) == datetime(2027, 1, 3, tzinfo=UTC)
    assert not made.is_open(datetime(2027, 1, 3, tzinfo=UTC))


def test_weekdays_mean_what_their_names_say(tmp_path):
    made = window(tmp_path, cron='"0 22 * * sat"')
    assert made.is_open(datetime(2026, 11, 28, 23, tzinfo=UTC))  # a Saturday
    assert not made.is_open(datetime(2026, 11, 27, 23, tzinfo=UTC))
    assert made.next_start(datetime(2026, 11, 23, tzinfo=UTC)) == datetime(2026, 11, 28, 22, tzinfo=UTC)


def test_windows_that_touch_have_one_common_end(tmp_path):
    made = window(tmp_path, cron='"0 22,23 * * mon"', duration="1h")
    assert made.until(datetime(2026, 11, 23, 22, 30, tzinfo=UTC)) == datetime(2026, 11, 24, tzinfo=UTC)
    always = window(tmp_path, cron='"0 0 * * *"', duration="24h")
    assert always.until(datetime(2026, 11, 23, tzinfo=UTC)) is None
    assert always.next_start(datetime(2026, 11, 23, tzinfo=UTC)) is None


def test_a_window_is_not_open_while_an_exception_lasts(tmp_path):
    made = window(
        tmp_path, zone="Europe/Berlin", **{"except": "[2026-12-24, {from: 2026-12-31 23:30, to: 2027-01-01 00:15}]"}
    )
    begin, end = datetime(2026, 12, 23, 12, tzinfo=UTC), datetime(2026, 12, 25, 12, tzinfo=UTC)
    assert [f"{start:%dT%H:%M}/{stop:%dT%H:%M}" for start, stop in made.spans(begin, end)] == [
        "23T21:00/23T23:00",  # until the 24th begins in Berlin
        "24T23:00/25T01:00",  # what is left of the night after it
    ]
    opened = [
        at for at in (datetime(2026, 12, 31, 21, tzinfo=UTC) + MINUTE * n for n in range(300)) if made.is_open(at)
    ]
    assert len(opened) == 240 - 45
    assert made.until(datetime(2026, 12, 31, 22, tzinfo=UTC)) == datetime(2026, 12, 31, 22, 30, tzinfo=UTC)


def test_dates_open_once(tmp_path):
    file = tmp_path / "windows.yml"
    file.write_text(
        "- {window: w, kind: freeze, zone: UTC, dates: [{from: 2026-03-01 08:00, to: 2026-03-01 09:00}, "
        "{from: 2026-02-01 08:00, to: 2026-02-03 08:00}]}\n"
    )
    made = read_windows(file)[0]
    assert made.next_start(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 2, 1, 8, tzinfo=UTC)
    assert made.is_open(datetime(2026, 2, 2, 23, tzinfo=UTC))
    assert made.until(datetime(2026, 3, 1, 8, tzinfo=UTC)) == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert made.next_start(datetime(2026, 3, 1, 8, tzinfo=UTC)) is None


def test_a_rule_of_recurrence_opens_a_window(tmp_path):
    patch_day = (
        "- {window: w, kind: allow, rrule: FREQ=MONTHLY;BYDAY=2TU, start: 2026-01-13 22:00, duration: 4h, zone: UTC}"
    )
    file = tmp_path / "windows.yml"
    file.write_text(patch_day)
    made = read_windows(file)[0]
    assert made.next_start(datetime(2026, 11, 1, tzinfo=UTC)) == datetime(2026, 11, 10, 22, tzinfo=UTC)
    assert not made.is_open(datetime(2025, 12, 9, 23, tzinfo=UTC))  # before its start
    file.write_text(patch_day.replace("2TU", "2TU;COUNT=2"))
    assert read_windows(file)[0].next_start(datetime(2026, 2, 11, tzinfo=UTC)) is None


def test_a_closed_entry_never_opens(tmp_path):
    file = tmp_path / "windows.yml"
    file.write_text("- {closed: prod, applies: {environments: [prod]}, early: deny}\n")
    made = read_windows(file)[0]
    assert (made.kind, made.early, made.next_start(datetime(2026, 1, 1, tzinfo=UTC))) == ("closed", "deny", None)


@pytest.mark.parametrize(("kind", "early"), [("allow", "wait"), ("freeze", "deny")])
def test_what_is_early_waits_for_an_opening_and_not_for_a_freeze_if_nothing_is_said(tmp_path, kind, early):
    assert window(tmp_path, kind=kind).early == early
    assert window(tmp_path, kind=kind, early="wait").early == "wait"
    assert window(tmp_path, kind=kind, early="deny").early == "deny"


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2 * 366 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + MINUTE * minutes),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.sampled_from(["30 2 * * *", "0 22 * * mon-fri", "*/20 1-3 * * *", "0 0 1 * *"]),
    st.sampled_from([30, 60, 600, 3000]),
)
def test_what_is_said_of_now_agrees_with_the_spans_around_it(now, zone, cron, minutes):
    made = Window(
        name="w",
        kind="allow",
        scope=Leaf(fact="risk", op="ge", value=0),
        openings=Repeated(pattern=Cron(cron), length=MINUTE * minutes, zone=zone),
        zone=zone,
        because="",
        place="",
    )
    far = now + timedelta(days=70)
    around = list(merged(made.openings.spans(now - timedelta(days=40), far)))
    ends = [end for start, end in around if start <= now < end]
    assert made.is_open(now) == bool(ends)
    assert made.until(now) == next((end for end in ends if end < far), None)
    assert made.next_start(now) == next((start for start, _ in around if start > now), None)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"cron": '"0 22 * * 1-5"'}, "weekday '1-5'"),
        ({"cron": '"0 22 * * 0"'}, "weekday '0'"),
        ({"cron": '"0 22 * * 7"'}, "weekday '7'"),
        ({"cron": '"0 22 * * */2"'}, "weekday"),
        ({"cron": '"0 22 13 * fri"'}, "both a day of the month and a weekday"),
        ({"cron": '"0 22 * *"'}, "4 fields"),
        ({"cron": '"0 0 22 * * *"'}, "6 fields"),
        ({"cron": '"@daily"'}, "1 fields"),
        ({"cron": '"99 22 * * *"'}, "cannot be read"),
        ({"cron": '"0 22 30 feb *"'}, "cannot be read"),
        ({"zone": "Europe/Berlim"}, "no zone"),
        ({"zone": "../../etc/passwd"}, "no zone"),
        ({"zone": "localtime"}, "no zone"),
        ({"zone": "Europe"}, "no zone"),
        ({"duration": "4 hours"}, "no duration"),
        ({"duration": "90d", "zone": "UTC", "kind": "freez"}, "freez"),
        ({"duration": "1000d"}, "too long"),
        ({"window": "Nights"}, "cannot be the name of a window"),
        ({"window": "closed"}, "'closed'"),
        ({"undo": "yes"}, "`undo`"),
        ({"applies": "{environment: [prod]}"}, "`environments`"),
        ({"applies": "{environments: prod}"}, "is text"),
        ({"applies": "{actor_kinds: [robot]}"}, "robot"),
        ({"starts": "now"}, "unknown key 'starts'"),
        ({"cron": '"* * * * *"'}, "1440 times a day"),
        ({"window": "early"}, "'early'"),
        ({"early": "maybe"}, "maybe"),
        ({"rrule": "FREQ=DAILY", "start": "2026-01-01 22:00"}, "`cron` and `rrule`"),
        ({"dates": "[]"}, "`cron` and `dates`"),
        ({"start": "2026-01-01 22:00"}, "no meaning with `cron`"),
        ({"except": "2026-12-24"}, "is text"),
        ({"except": "[2026-12-32]"}, "2026-12-32"),
        ({"except": "[24.12.2026]"}, "24.12.2026"),
        ({"except": "[1-12-24]"}, "1-12-24"),
        ({"except": "[2011-12-30]", "zone": "Pacific/Apia"}, "had no 2011-12-30"),
        ({"except": "[{from: 2026-12-24 10:00}]"}, "no 'to'"),
        ({"except": "[{from: 2026-12-24 10:00, to: 2026-12-24 10:00}]"}, "over before it begins"),
        ({"except": "[{from: 2026-12-24T10:00, to: 2026-12-25 10:00}]"}, "2026-12-24T10:00"),
    ],
)
def test_a_window_that_could_be_misread_is_refused_with_its_place(tmp_path, changed, says):
    with pytest.raises(PolicyError, match=r"windows\.yml:\d+: ") as refused:
        window(tmp_path, **changed)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("window: w, kind: allow, zone: UTC", "has none of them"),
        ("window: w, kind: allow, zone: UTC, cron: 0 22 * * *", "There is no `duration`"),
        ("window: w, kind: allow, zone: UTC, rrule: FREQ=DAILY, duration: 1h", "There is no `start`"),
        ("window: w, kind: allow, zone: UTC, rrule: FREQ=MINUTELY, start: 2026-01-01 22:00, duration: 1h", "MINUTELY"),
        ("window: w, kind: allow, zone: UTC, rrule: FREQ=DAILY, start: 22:00, duration: 1h", "22:00"),
        ("window: w, kind: allow, zone: UTC, rrule: FREQ=DAILY, start: 9999-01-01 22:00, duration: 1h", "9999"),
        ("window: w, kind: allow, zone: UTC, rrule: FREQ=DAILY, start: 2026-02-30 22:00, duration: 1h", "2026-02-30"),
        (
            "window: w, kind: allow, zone: UTC, duration: 1h, start: 2026-01-01 00:00, rrule: 'FREQ=HOURLY;BYMINUTE="
            + ",".join(map(str, range(60)))
            + "'",
            "1440 times a day",
        ),
        ("window: w, kind: allow, zone: UTC, dates: []", "empty"),
        ("window: w, kind: allow, zone: UTC, dates: [2026-12-24]", "is text"),
        (
            "window: w, kind: allow, zone: UTC, dates: [{from: 2026-01-01 00:00, to: 2025-01-01 00:00}]",
            "before it begins",
        ),
        (
            "window: w, kind: allow, zone: UTC, dates: [{from: 2026-01-01 00:00, to: 2026-01-02 00:00}], duration: 1h",
            "`dates`",
        ),
        (
            "window: w, kind: allow, zone: Europe/Berlin, dates: [{from: 2026-03-29 02:05, to: 2026-03-29 02:55}]",
            "before it begins",  # the clock skips both
        ),
        ("closed: prod, cron: 0 22 * * *", "unknown key 'cron'"),
        ("closed: prod, kind: allow", "unknown key 'kind'"),
        ("closed: closed", "'closed'"),
        ("closed: prod, window: prod", "unknown key 'window'"),
    ],
)
def test_an_entry_that_says_too_little_or_too_much_is_refused(tmp_path, entry, says):
    file = tmp_path / "windows.yml"
    file.write_text(f"- {{{entry}}}\n")
    with pytest.raises(PolicyError, match=r"windows\.yml:\d+: ") as refused:
        read_windows(file)
    assert says in str(refused.value)


def test_two_windows_of_one_name_are_refused(tmp_path):
    window(tmp_path)
    file = tmp_path / "windows.yml"
    file.write_text(file.read_text() * 2)
    with pytest.raises(PolicyError, match=r"windows\.yml:6: .*twice"):
        read_windows(file)
