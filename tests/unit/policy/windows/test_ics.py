"""Calendar files: what they open, read as the RFC means it; and what is refused, as it could mean something else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Alarm, Calendar, Event

from gate.policy.rules.rulebook import read_rulebook
from gate.policy.windows.ics import read_calendar
from gate.policy.windows.reading import read_windows
from gate.policy.windows.window import Window
from gate.values.errors import PolicyError

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
NIGHT = "DTSTART;TZID=Europe/Berlin:20260327T220000\nDTEND;TZID=Europe/Berlin:20260328T020000\n"


def calendar(folder: Path, *events: str, uid: str = "UID:1\n") -> Window:
    """The window of a calendar whose events have these lines."""
    text = "".join(f"BEGIN:VEVENT\n{'' if 'UID:' in event else uid}{event}END:VEVENT\n" for event in events)
    return written(folder, f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{text}END:VCALENDAR\n".replace("\n", "\r\n"))


def written(folder: Path, text: str | bytes) -> Window:
    (folder / "team.ics").write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "windows.yml").write_text("- {window: w, kind: allow, ics: team.ics, zone: Europe/Berlin}\n")
    return read_windows(folder / "windows.yml")[0]


def spans(made: Window) -> list[str]:
    return [f"{start:%m-%dT%H:%M}/{end:%m-%dT%H:%M}" for start, end in made.spans(BEGIN, END)]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (NIGHT, ["03-27T21:00/03-28T01:00"]),
        ("DTSTART:20260327T220000\nDURATION:PT4H\n", ["03-27T21:00/03-28T01:00"]),  # floating: the window's zone
        ("DTSTART:20260327T220000Z\nDURATION:PT4H\n", ["03-27T22:00/03-28T02:00"]),
        ("DTSTART;TZID=W. Europe Standard Time:20260327T220000\nDURATION:PT4H\n", ["03-27T21:00/03-28T01:00"]),
        # a whole day is as long as it is, a duration as long as it says
        ("DTSTART;VALUE=DATE:20260329\n", ["03-28T23:00/03-29T22:00"]),
        ("DTSTART;VALUE=DATE:20261025\nDTEND;VALUE=DATE:20261027\n", ["10-24T22:00/10-26T23:00"]),
        ("DTSTART:20260328T230000\nDURATION:P1D\n", ["03-28T22:00/03-29T22:00"]),
        # skipped and repeated local times
        ("DTSTART:20260329T023000\nDURATION:PT1H\n", ["03-29T01:00/03-29T02:00"]),
        ("DTSTART:20261025T023000\nDURATION:PT1H\n", ["10-25T00:30/10-25T01:30"]),
        (
            NIGHT + "RRULE:FREQ=DAILY;COUNT=4\nEXDATE;TZID=Europe/Berlin:20260328T220000\nEXDATE:20260329T200000Z\n",
            ["03-27T21:00/03-28T01:00", "03-30T20:00/03-31T00:00"],
        ),
        (
            NIGHT + "RRULE:FREQ=WEEKLY;UNTIL=20260403T200000Z\nRDATE;TZID=America/New_York:20260601T120000\n",
            ["03-27T21:00/03-28T01:00", "04-03T20:00/04-04T00:00", "06-01T16:00/06-01T20:00"],
        ),
        (
            "DTSTART;VALUE=DATE:20260328\nRRULE:FREQ=DAILY;UNTIL=20260331\nEXDATE;VALUE=DATE:20260330\n",
            ["03-27T23:00/03-29T22:00", "03-30T22:00/03-31T22:00"],
        ),
        (NIGHT + "RDATE:20260327T220000,20260328T000000\n", ["03-27T21:00/03-28T03:00"]),  # they overlap
        (NIGHT + "STATUS:CANCELLED\n", []),
    ],
)
def test_an_event_opens_what_the_rfc_says(tmp_path, event, expected):
    assert spans(calendar(tmp_path, event)) == expected


def test_a_changed_time_of_a_series_replaces_the_one_it_was(tmp_path):
    series = NIGHT + "RRULE:FREQ=DAILY;COUNT=3\n"
    moved = "RECURRENCE-ID;TZID=Europe/Berlin:20260328T220000\nDTSTART:20260401T080000Z\nDURATION:PT1H\n"
    off = "RECURRENCE-ID:20260329T200000Z\nDTSTART:20260329T200000Z\nDURATION:PT1H\nSTATUS:CANCELLED\n"
    assert spans(calendar(tmp_path, moved, series, off)) == ["03-27T21:00/03-28T01:00", "04-01T08:00/04-01T09:00"]


def test_a_file_that_a_library_wrote_is_read_as_it_was_meant(tmp_path):
    made = Calendar()
    made.add("prodid", "-//test//")
    made.add("version", "2.0")
    event = Event()
    event.add("uid", "x@y")
    event.add("summary", "Nächte, sagte sie; " * 9)  # folded over several lines
    event.add("description", "BEGIN:VEVENT\nDTSTART:20260101T000000Z\nEND:VEVENT")
    event.add("dtstart", datetime(2026, 5, 4, 22, tzinfo=UTC))
    event.add("dtend", datetime(2026, 5, 5, 2, tzinfo=UTC))
    event.add("rrule", {"freq": "weekly", "byday": ["mo", "we"], "until": datetime(2026, 5, 12, tzinfo=UTC)})
    event.add("exdate", [datetime(2026, 5, 6, 22, tzinfo=UTC)])
    alarm = Alarm()
    alarm.add("trigger", timedelta(minutes=-5))
    event.add_component(alarm)
    made.add_component(event)
    assert spans(written(tmp_path, made.to_ical())) == ["05-04T22:00/05-05T02:00", "05-11T22:00/05-12T02:00"]


def test_every_edit_of_the_file_is_another_window(tmp_path):
    before = calendar(tmp_path, NIGHT).as_json()
    assert calendar(tmp_path, NIGHT).as_json() == before
    assert calendar(tmp_path, NIGHT + "SUMMARY:Night\n").as_json() != before


def test_a_calendar_that_no_window_names_is_refused(tmp_path):
    calendar(tmp_path, NIGHT)
    (tmp_path / "r.yml").write_text("- {rule: r, when: {risk: {ge: 0}}, then: allow, because: x}\n")
    assert read_rulebook(tmp_path).windows
    (tmp_path / "freeze.ics").write_bytes((tmp_path / "team.ics").read_bytes())
    with pytest.raises(PolicyError, match=r"freeze\.ics would not be read"):
        read_rulebook(tmp_path)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ("SUMMARY:x\n", "no DTSTART"),
        (NIGHT + NIGHT, "several DTSTART"),
        ("DTSTART:20260327T220000\n", "lasts 0:00:00"),
        ("DTSTART:20260327T220000\nDURATION:-PT1H\n", "lasts"),
        ("DTSTART:20260327T220000\nDTEND:20260327T210000\n", "lasts"),
        ("DTSTART:20260327T220000\nDURATION:P400D\n", "lasts"),
        (NIGHT + "DURATION:PT4H\n", "both DTEND and DURATION"),
        ("DTSTART;VALUE=DATE:20260327\nDTEND:20260328T000000\n", "a date, the other a time"),
        ("DTSTART;VALUE=DATE:20260327\nDURATION:PT4H\n", "lasts 4:00:00"),
        ("DTSTART:99990327T220000\nDURATION:PT1H\n", "year 9999"),
        ("DTSTART:19000327T220000\nDURATION:PT1H\n", "year 1900"),
        ("DTSTART:20261327T220000\nDURATION:PT1H\n", "DTSTART"),
        ("DTSTART;TZID=Customized Time Zone:20260327T220000\nDURATION:PT1H\n", "Customized"),
        ("DTSTART;TZID=../../etc/localtime:20260327T220000\nDURATION:PT1H\n", "IANA"),
        (NIGHT + "RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY\n", "several RRULE"),
        (NIGHT + "RRULE:FREQ=MINUTELY\n", "MINUTELY"),
        (NIGHT + "RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30\n", "nine years"),
        (NIGHT + "RRULE:FREQ=WEEKLY;BYDAY=MO\n", "Begin at 2026-03-30 22:00"),
        (NIGHT + "RRULE:FREQ=DAILY;UNTIL=20260401\n", "UNTIL"),
        (NIGHT + "RRULE:FREQ=DAILY;BYHOUR=22;BYMINUTE=" + ",".join(map(str, range(60))) + "\n", "60 times a day"),
        ("DTSTART;VALUE=DATE:20260328\nRRULE:FREQ=DAILY;UNTIL=20260331T000000Z\n", "UNTIL"),
        (NIGHT + "EXRULE:FREQ=DAILY\n", "EXRULE"),
        (NIGHT + "RRULE:FREQ=DAILY\nEXDATE;VALUE=DATE:20260328\n", "EXDATE is a date"),
        (NIGHT + "RDATE;VALUE=PERIOD:20260328T000000Z/PT1H\n", "PERIOD"),
        (NIGHT + "RECURRENCE-ID;RANGE=THISANDFUTURE:20260328T000000Z\n", "from some time on"),
        (NIGHT + "no colon\n", "no colon"),
        ("UID:\n" + NIGHT, "no UID"),
    ],
)
def test_an_event_that_could_mean_something_else_is_refused_by_name(tmp_path, event, says):
    with pytest.raises(PolicyError, match=r"team\.ics: the event .* cannot be taken") as refused:
        calendar(tmp_path, event)
    assert says in f"{refused.value} {refused.value.fix}"


def test_two_versions_of_one_event_are_refused(tmp_path):
    with pytest.raises(PolicyError, match="more than once"):
        calendar(tmp_path, NIGHT, NIGHT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"\xff\xfe\x00",
        b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260101T000000Z\r\nDURATION:PT1H\r\nEND:VEVENT\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n",
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n" * 2001 + b"END:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\n" + b"X:" + b"y" * 1024 * 1024 + b"\r\nEND:VCALENDAR\r\n",
    ],
)
def test_a_file_that_is_no_calendar_is_refused(tmp_path, content):
    with pytest.raises(PolicyError, match=r"team\.ics"):
        written(tmp_path, content)


def test_too_many_series_are_refused(tmp_path):
    events = [f"UID:{number}\n{NIGHT}RRULE:FREQ=DAILY\n" for number in range(101)]
    with pytest.raises(PolicyError, match="101 events that repeat"):
        calendar(tmp_path, *events)


@pytest.mark.parametrize("name", ["../team.ics", "/etc/team.ics", "team.txt", ".ics", "a/b.ics"])
def test_a_calendar_lies_beside_the_windows(tmp_path, name):
    (tmp_path / "windows.yml").write_text(f"- {{window: w, kind: allow, ics: '{name}', zone: UTC}}\n")
    with pytest.raises(PolicyError, match="name of a calendar file"):
        read_windows(tmp_path / "windows.yml")


def test_a_calendar_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PolicyError, match="No such file"):
        read_calendar(tmp_path / "none.ics", "UTC")
