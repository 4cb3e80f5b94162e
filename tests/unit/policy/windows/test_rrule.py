"""Recurrence rules: the same times as a well-known library gives, in bounded time, and nothing that is left open."""

# ruff: noqa: DTZ001 - a rule is about local times, which have no zone

import random
import re
import time
from datetime import datetime, timedelta
from itertools import takewhile

import pytest
from dateutil.rrule import rrulestr

from gate.policy.windows.rrule import parse_rule

START = datetime(2024, 1, 31, 22, 30)  # a Wednesday
END = START + timedelta(days=1500)
BEFORE = START - timedelta(days=1)


def times(rule: str, start: datetime = START, after: datetime = BEFORE, before: datetime = END) -> list[datetime]:
    return list(parse_rule(rule, start)[0].between(after, before))


def theirs(rule: str, start: datetime = START, before: datetime = END) -> list[datetime]:
    return list(takewhile(lambda at: at < before, rrulestr(rule, dtstart=start)))


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=10;BYMONTH=1,2,12",
        "FREQ=WEEKLY",
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=WE,SU,MO",
        "FREQ=WEEKLY;INTERVAL=2;WKST=MO;BYDAY=WE,SU,MO",
        "FREQ=MONTHLY",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        "FREQ=MONTHLY;BYMONTHDAY=31,15",
        "FREQ=MONTHLY;BYDAY=-1WE",
        "FREQ=MONTHLY;BYDAY=5WE",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=MONTHLY;BYDAY=WE;BYMONTHDAY=31,24",
        "FREQ=MONTHLY;INTERVAL=18;BYMONTHDAY=31",
        "FREQ=YEARLY",
        "FREQ=YEARLY;INTERVAL=2",
        "FREQ=YEARLY;BYMONTH=1,3,10;BYDAY=-1WE,-1SU",
        "FREQ=YEARLY;BYDAY=5WE",
        "FREQ=YEARLY;BYYEARDAY=31,-1",
        "FREQ=YEARLY;BYMONTHDAY=31",
        "FREQ=YEARLY;BYDAY=WE;BYMONTH=1",
        "FREQ=YEARLY;BYDAY=WE;BYHOUR=22;BYSETPOS=5,-5",
        "FREQ=HOURLY;INTERVAL=5",
        "FREQ=HOURLY;BYHOUR=22,23,1;BYMINUTE=0,30",
        "FREQ=DAILY;BYHOUR=22,4;BYMINUTE=30,45",
        "FREQ=MONTHLY;BYMONTHDAY=13,31;BYDAY=FR,WE",
    ],
)
def test_a_rule_has_the_times_that_the_library_gives(rule):
    found = times(rule)
    assert found == theirs(rule)
    middle = found[len(found) // 2]
    assert times(rule, after=middle) == [at for at in found if at > middle]  # wherever the walk begins
    assert times(rule, before=middle) == [at for at in found if at < middle]


def random_rule(rng: random.Random) -> str:
    frequency = rng.choice(["YEARLY", "MONTHLY", "WEEKLY", "DAILY"])
    parts = [f"FREQ={frequency}", f"INTERVAL={rng.choice([1, 1, 2, 3])}", f"WKST={rng.choice(['MO', 'SU', 'WE'])}"]
    if rng.random() < 0.3:
        parts.append(f"BYMONTH={rng.choice(['1', '2,7', '1,12,6'])}")
    if frequency != "WEEKLY" and rng.random() < 0.4:
        parts.append(f"BYMONTHDAY={rng.choice(['1', '31', '-1', '13,-2', '29,30,31'])}")
    if rng.random() < 0.5:
        ordinals = frequency in ("YEARLY", "MONTHLY") and rng.random() < 0.5
        parts.append(f"BYDAY={rng.choice(['1MO', '-1FR,2TU', '5SU'] if ordinals else ['MO', 'SA,SU', 'MO,WE,FR'])}")
    if frequency == "YEARLY" and rng.random() < 0.2:
        parts.append(f"BYYEARDAY={rng.choice(['1', '-1', '60,366'])}")
    if rng.random() < 0.4:
        parts.append(f"BYHOUR={rng.choice(['0', '3,22', '1,2,23'])}")
    # the library begins the first week of a set at the start itself, where the RFC says nothing
    if frequency != "WEEKLY" and any(part.startswith("BY") for part in parts) and rng.random() < 0.3:
        parts.append(f"BYSETPOS={rng.choice(['1', '-1', '2,-2'])}")
    return ";".join(parts)


def begins(rule: str, start: datetime) -> datetime | None:
    """The first of its times from `start` on, as the refusal of any other start says."""
    try:
        return parse_rule(rule, start)[0].start
    except ValueError as refused:
        said = re.search(r"Begin at (.{16}),", str(refused))
        return datetime.fromisoformat(said[1]) if said else None


def test_random_rules_have_the_times_that_the_library_gives():
    rng, compared = random.Random(5545), 0  # noqa: S311
    while compared < 150:
        rule, start = random_rule(rng), START + timedelta(days=rng.randrange(700))
        first = begins(rule, start)
        if first is None:
            continue  # the library would look for it until the year 9999
        end = first + timedelta(days=900)
        assert times(rule, first, first - timedelta(days=1), end) == theirs(rule, first, end), (rule, first)
        compared += 1


def test_no_rule_takes_long_to_say_no():
    began = time.monotonic()
    for rule in (
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1",
    ):
        with pytest.raises(ValueError, match="no day of the next nine years"):
            parse_rule(rule, START)
    with pytest.raises(ValueError, match="fifty years"):
        parse_rule("FREQ=YEARLY;INTERVAL=40;COUNT=900", START)
    assert time.monotonic() - began < 5


def test_a_rule_far_from_its_start_is_as_quick_as_near_it():
    rule, _ = parse_rule("FREQ=HOURLY;INTERVAL=7", datetime(1970, 1, 1))
    began = time.monotonic()
    for year in range(2100, 2150):
        assert next(rule.between(datetime(year, 1, 1), datetime(year, 1, 2)))
    assert time.monotonic() - began < 1


def test_count_and_until_say_which_is_the_last():
    assert parse_rule("FREQ=DAILY;COUNT=3", START)[1].moment("UTC").isoformat() == "2024-02-02T22:30:00+00:00"
    utc = parse_rule("FREQ=DAILY;UNTIL=20240202T213000Z", START)[1]
    local = parse_rule("FREQ=DAILY;UNTIL=20240202T223000", START)[1]
    assert utc.moment("Europe/Berlin") == local.moment("Europe/Berlin")
    assert parse_rule("FREQ=DAILY", START)[1].moment("UTC") is None


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("", "''"),
        ("every tuesday", "'EVERY TUESDAY'"),
        ("FREQ=MINUTELY", "FREQ is MINUTELY"),
        ("FREQ=SECONDLY", "FREQ is SECONDLY"),
        ("INTERVAL=2", "FREQ is missing"),
        ("FREQ=DAILY;FREQ=DAILY", "twice"),
        ("FREQ=DAILY;BYSECOND=0", "BYSECOND"),
        ("FREQ=YEARLY;BYWEEKNO=20", "BYWEEKNO"),
        ("FREQ=DAILY;BYEASTER=0", "BYEASTER"),
        ("FREQ=DAILY;X-NAME=1", "X-NAME"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=99999", "INTERVAL"),
        ("FREQ=DAILY;COUNT=0", "COUNT"),
        ("FREQ=DAILY;COUNT=1000000", "COUNT"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20260101T000000Z", "both"),
        ("FREQ=DAILY;UNTIL=20260101", "UNTIL"),
        ("FREQ=DAILY;UNTIL=20261301T000000Z", "no calendar"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL"),
        ("FREQ=WEEKLY;BYDAY=2TU", "BYDAY"),
        ("FREQ=MONTHLY;BYDAY=TUE", "BYDAY"),
        ("FREQ=MONTHLY;BYDAY=0TU", "BYDAY"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "no meaning"),
        ("FREQ=MONTHLY;BYYEARDAY=1", "no meaning"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR"),
        ("FREQ=DAILY;BYHOUR=-1", "BYHOUR"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY"),
        ("FREQ=DAILY;BYHOUR=", "BYHOUR"),
        ("FREQ=DAILY;BYHOUR=1,,2", "BYHOUR"),
        ("FREQ=DAILY;WKST=XX", "WKST"),
        ("FREQ=MONTHLY;BYSETPOS=1", "nothing to choose"),
        ("FREQ=YEARLY;BYMONTH=1;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,22;BYMINUTE=0,30;BYSETPOS=1", "too many"),
        ("FREQ=WEEKLY;BYDAY=TU", "Begin at 2024-02-06 22:30"),
        ("FREQ=DAILY;BYHOUR=5", "Begin at 2024-02-01 05:30"),
    ],
)
def test_a_rule_that_is_no_rule_or_means_several_things_is_refused(rule, says):
    with pytest.raises(ValueError, match="\n") as refused:
        parse_rule(rule, START)
    assert says in str(refused.value)
