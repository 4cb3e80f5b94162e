from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.values.actor import Actor, ActorKind
from gate.values.clock import duration, from_stamp, stamp
from gate.values.ids import new_id

TIMES = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2900, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(TIMES, TIMES)
def test_ids_sort_by_time(one: datetime, other: datetime) -> None:
    if int(one.timestamp() * 1000) < int(other.timestamp() * 1000):
        assert new_id("chg", one) < new_id("chg", other)


def test_ids_of_the_same_moment_differ() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert len({new_id("chg", now) for _ in range(1000)}) == 1000


def test_an_id_has_no_letter_that_looks_like_another() -> None:
    made = new_id("chg", datetime(2026, 1, 1, tzinfo=UTC))
    assert set(made.removeprefix("chg-")) <= set("0123456789abcdefghjkmnpqrstvwxyz-")


@given(TIMES)
def test_a_stamp_says_the_same_time_again(at: datetime) -> None:
    assert from_stamp(stamp(at)) == at


@given(TIMES, TIMES)
def test_stamps_sort_as_times_do(one: datetime, other: datetime) -> None:
    assert (stamp(one) < stamp(other)) == (one < other)


def test_a_stamp_is_in_utc_whatever_the_zone() -> None:
    at = datetime(2026, 6, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert stamp(at) == "2026-06-01T10:00:00.000000Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", timedelta(seconds=30)),
        ("15m", timedelta(minutes=15)),
        ("4h", timedelta(hours=4)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "0s", "-1h", "4", "h", "4 h", "4H", "1.5h", "4h30m", "4h\n", "٤h", "1234567s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        duration(text)


@pytest.mark.parametrize("text", ["human:alice", "agent:planner-2", "schedule:nightly.restart", "human:a@b.example"])
def test_an_actor_says_the_same_text_again(text: str) -> None:
    assert str(Actor.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "human:",
        "human: alice",
        "human:Alice",
        "robot:alice",
        "human:a:b",
        "human:-a",
        "human:a\n",
        "human:ä",
        "human:" + "a" * 65,
        "HUMAN:alice",
        "human:a%",
    ],
)
def test_anything_else_is_no_actor(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Actor.parse(text)


def test_an_agent_and_a_human_of_the_same_name_are_two_actors() -> None:
    assert Actor(ActorKind.AGENT, "a") != Actor(ActorKind.HUMAN, "a")
