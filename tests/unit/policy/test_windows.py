"""Windows: the clock that is turned, the edges of a window, and cron lines that tools disagree on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.policy.rule import Leaf
from gate.policy.windows import Window, read_windows
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
    assert window(tmp_path, cron='"* * * * *"').until(datetime(2026, 11, 23, tzinfo=UTC)) is None


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2 * 366 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + MINUTE * minutes),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.sampled_from(["30 2 * * *", "0 22 * * mon-fri", "*/20 1-3 * * *", "0 0 1 * *"]),
    st.sampled_from([30, 60, 600, 3000]),
)
def test_open_means_that_some_start_is_younger_than_the_duration(now, zone, cron, minutes):
    made = Window(
        name="w",
        kind="allow",
        scope=Leaf(fact="risk", op="ge", value=0),
        cron=cron,
        duration=timedelta(minutes=minutes),
        zone=zone,
        because="",
        place="",
    )
    walked = []
    for start in made.starts(now - timedelta(days=40)):
        if start > now:
            break
        walked.append(start)
    assert made.is_open(now) == any(start + made.duration > now for start in walked)
    assert (made.until(now) is not None) <= made.is_open(now)


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
    ],
)
def test_a_window_that_could_be_misread_is_refused_with_its_place(tmp_path, changed, says):
    with pytest.raises(PolicyError, match=r"windows\.yml:\d+: ") as refused:
        window(tmp_path, **changed)
    assert says in str(refused.value)


def test_two_windows_of_one_name_are_refused(tmp_path):
    window(tmp_path)
    file = tmp_path / "windows.yml"
    file.write_text(file.read_text() * 2)
    with pytest.raises(PolicyError, match=r"windows\.yml:6: .*twice"):
        read_windows(file)
