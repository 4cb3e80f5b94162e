"""When the windows let a change through: against a search minute by minute, and for what they say of now."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from gate.policy.language.rule import Leaf
from gate.policy.windows.localtime import Span
from gate.policy.windows.openings import NEVER, Cron, Fixed, Repeated
from gate.policy.windows.passage import Cover, opens_at
from gate.policy.windows.window import Window

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)  # the day before the clocks of Europe are turned
EVERYTHING = Leaf(fact="n_targets", op="ge", value=0)


def window(kind, openings, early="wait", name="w") -> Window:
    return Window(
        name=name, kind=kind, scope=EVERYTHING, openings=openings, zone="UTC", because="", place="", early=early
    )


def fixed(kind: str, *hours: tuple[float, float], early: str = "wait") -> Window:
    """A window open between hours after noon."""
    spans = tuple((NOON + HOUR * start, NOON + HOUR * end) for start, end in hours)
    return window(kind, Fixed(spans), early)


def cover(*windows: Window, minutes: float = 0) -> Cover:
    return Cover.of(windows, {"n_targets": 1}, MINUTE * minutes)


def hours(at: datetime | None) -> float | None:
    return None if at is None else (at - NOON) / HOUR


CLOSED = window("closed", NEVER)


@pytest.mark.parametrize(
    ("covers", "state", "opens"),
    [
        ([cover()], "none", 0),
        ([cover(fixed("allow", (-1, 1)))], "open", 0),
        ([cover(fixed("allow", (-1, 1)), minutes=60)], "open", 0),
        ([cover(fixed("allow", (-1, 1), (5, 7)), minutes=61)], "closing", 5),
        ([cover(fixed("allow", (-1, 1), (5, 7)), minutes=121)], "closing", None),
        ([cover(fixed("allow", (-2, 0), (3, 4)))], "closed", 3),
        ([cover(fixed("allow", (3, 4)), fixed("allow", (4, 5)), minutes=90)], "closed", 3),  # one goes on in the other
        ([cover(fixed("allow", (3, 4)), fixed("allow", (4.1, 5)), minutes=90)], "closed", None),
        ([cover(CLOSED)], "closed", None),
        ([cover(CLOSED, fixed("allow", (2, 3)))], "closed", 2),
        ([cover(CLOSED, fixed("allow", (-2, 3)))], "open", 0),
        ([cover(fixed("freeze", (-1, 4)))], "none", 4),
        ([cover(fixed("freeze", (-1, 4)), fixed("freeze", (4, 6)))], "none", 6),
        ([cover(fixed("freeze", (1, 4)), minutes=60)], "none", 0),
        ([cover(fixed("freeze", (1, 4)), minutes=61)], "closing", 4),
        ([cover(fixed("freeze", (1, 4)), fixed("allow", (-1, 3), (5, 9)))], "open", 0),
        ([cover(fixed("freeze", (-1, 4)), fixed("allow", (-1, 3), (5, 9)))], "open", 5),
        ([cover(fixed("freeze", (6, 7)), fixed("allow", (5, 9)), minutes=90)], "closed", 7),
        ([cover(fixed("allow", (2, 4), (8, 9))), cover(fixed("allow", (3, 5)))], "closed", 3),
        ([cover(fixed("allow", (2, 4), (8, 9))), cover(fixed("allow", (4, 9)))], "closed", 8),
        ([cover(fixed("allow", (2, 4))), cover(fixed("allow", (4, 9)))], "closed", None),  # never both at once
        ([cover(fixed("allow", (24 * 399, 24 * 402)))], "closed", 24 * 399),
        ([cover(fixed("allow", (24 * 401, 24 * 402)))], "closed", None),  # too far away to wait for
        ([cover(fixed("freeze", (-1, 24 * 401)))], "none", None),
    ],
)
def test_all_hosts_are_let_through_from_the_first_moment_that_suits_them_all(covers, state, opens):
    assert covers[0].state(NOON) == state
    assert hours(opens_at(covers, NOON)) == opens
    assert (opens == 0) == (not any(one.in_the_way(NOON) for one in covers))


def test_what_is_in_the_way_is_named():
    allow, on, coming = fixed("allow", (5, 6)), fixed("freeze", (-1, 1)), fixed("freeze", (1, 2))
    assert cover(allow, on, coming).in_the_way(NOON) == (allow, on)
    assert cover(allow, on, coming, minutes=90).in_the_way(NOON) == (allow, on, coming)
    assert cover(coming).in_the_way(NOON) == ()


def random_windows(rng: random.Random) -> list[Window]:
    made = []
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice(["allow", "allow", "freeze"])
        if rng.random() < 0.5:
            cron = rng.choice(["30 2 * * *", "0 */5 * * *", "15 23 * * sun", "*/40 1-4 * * *", "0 0 29 * *"])
            length = MINUTE * rng.choice([20, 45, 60, 300, 1440])
            zone = rng.choice(["Europe/Berlin", "UTC", "Africa/Casablanca"])
            made.append(window(kind, Repeated(pattern=Cron(cron), length=length, zone=zone)))
        else:
            starts = [rng.randrange(-10, 90) + rng.choice([0, 0.25, 0.5]) for _ in range(rng.randint(1, 4))]
            made.append(fixed(kind, *((start, start + rng.choice([0.5, 1, 6, 20])) for start in starts)))
    return made


def through(made: Iterable[Window], spans: dict[Window, list[Span]], at: datetime) -> bool:
    opened = {one: any(start <= at < end for start, end in spans[one]) for one in made}
    allows = [opened[one] for one in made if one.kind != "freeze"]
    return (not allows or any(allows)) and not any(opened[one] for one in made if one.kind == "freeze")


def searched(hosts: list[list[Window]], minutes: int, days: int) -> datetime | None:
    """The first minute from which all hosts are let through for that many minutes, by looking at each."""
    end = NOON + DAY * days
    spans = {one: list(one.openings.spans(NOON - 5 * DAY, end + DAY)) for made in hosts for one in made}
    run, at = 0, NOON
    while at < end:
        run = run + 1 if all(through(made, spans, at) for made in hosts) else 0
        if run >= max(minutes, 1):
            return at - MINUTE * (run - 1)
        at += MINUTE
    return None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_the_opening_is_the_one_that_a_search_minute_by_minute_finds(seed):
    rng = random.Random(seed)  # noqa: S311
    hosts = [random_windows(rng) for _ in range(rng.randint(1, 3))]
    minutes = rng.choice([0, 1, 30, 59, 60, 61, 240])
    found = opens_at([cover(*made, minutes=minutes) for made in hosts], NOON)
    expected = searched(hosts, minutes, 7)
    if expected is None:
        assert found is None or found > NOON + 7 * DAY - MINUTE * minutes
    else:
        assert found == expected


def test_windows_that_never_agree_are_given_up_soon():
    one = window("allow", Repeated(pattern=Cron("0,30 * * * *"), length=MINUTE * 30, zone="Europe/Berlin"))
    other = window("freeze", Repeated(pattern=Cron("*/30 * * * *"), length=MINUTE * 29, zone="UTC"))
    began = datetime.now(UTC)
    assert opens_at([cover(one, other, minutes=2)], NOON) is None
    assert datetime.now(UTC) - began < timedelta(seconds=10)
