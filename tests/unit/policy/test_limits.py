"""Limits: the sliding edge, what is counted together, and what a limit is asked of."""

from datetime import UTC, datetime, timedelta

import pytest

from gate.policy.limits import Limit, read_limits
from gate.policy.question import History, Host, Past, Question
from gate.values.actor import Actor
from gate.values.errors import PolicyError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


def question(actor="agent:planner", action="restart", hosts=("web-01",)):
    return Question(
        action=action,
        risk=10,
        reversibility="full",
        check="full",
        certified=True,
        actor=Actor.parse(actor),
        hosts=tuple(Host(name=name, groups=frozenset()) for name in hosts),
    )


def past(ago, actor="agent:planner", action="restart", hosts=("web-01",)):
    return Past(at=NOW - ago, actor=actor, action=action, hosts=hosts)


def limit(tmp_path, by="[actor]", at_most="2", per="1h", more="") -> Limit:
    file = tmp_path / "limits.yml"
    file.write_text(f"- {{limit: slow, at_most: {at_most}, per: {per}, by: {by}{more}}}\n")
    return read_limits(file)[0]


def used(made, history, asked=None):
    asked = asked or question()
    return {host: len(times) for host, times in made.used(asked, History(changes=tuple(history)), NOW).items()}


def test_a_change_counts_until_it_is_exactly_a_period_old(tmp_path):
    made = limit(tmp_path)
    assert used(made, [past(HOUR)]) == {"web-01": 0}
    assert used(made, [past(HOUR - TICK)]) == {"web-01": 1}


def test_a_change_from_the_future_counts_too(tmp_path):
    assert used(limit(tmp_path), [past(-HOUR)]) == {"web-01": 1}


def test_the_next_one_is_possible_when_enough_have_grown_old(tmp_path):
    made = limit(tmp_path)
    times = tuple(NOW - timedelta(minutes=ago) for ago in (50, 40, 10))
    assert made.free_at(times[:1]) is None
    assert made.free_at(times[:2]) == times[0] + HOUR
    assert made.free_at(times) == times[1] + HOUR
    assert made.free_at(tuple(at for at in times if at > times[1] + HOUR - HOUR)) is None


@pytest.mark.parametrize(
    ("by", "count"),
    [
        ("[actor]", {"web-01": 3, "db-01": 3}),
        ("[action]", {"web-01": 3, "db-01": 3}),
        ("[target]", {"web-01": 3, "db-01": 1}),
        ("[actor, target]", {"web-01": 2, "db-01": 1}),
        ("[actor, action]", {"web-01": 2, "db-01": 2}),
        ("[actor, action, target]", {"web-01": 1, "db-01": 1}),
    ],
)
def test_each_combination_is_counted_for_itself(tmp_path, by, count):
    history = [
        past(TICK),
        past(TICK, hosts=("db-01", "db-01")),
        past(TICK, actor="human:ann"),
        past(TICK, action="reload"),
    ]
    assert used(limit(tmp_path, by), history, question(hosts=("web-01", "db-01"))) == count


def test_only_changes_of_the_named_kinds_and_actions_are_counted(tmp_path):
    made = limit(tmp_path, "[target]", more=", applies: {actor_kinds: [agent], actions: [restart, reload]}")
    history = [past(TICK, actor="human:ann"), past(TICK, action="reload"), past(TICK, action="patch"), past(TICK)]
    assert used(made, history) == {"web-01": 2}


def test_what_is_unknown_of_the_past_makes_the_count_stricter_not_looser(tmp_path):
    made = limit(tmp_path, more=", applies: {environments: [prod]}")
    assert used(made, [past(TICK, hosts=("somewhere",))]) == {"web-01": 1}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"by": "[]"}, "`by` is empty"),
        ({"by": "actor"}, "is text"),
        ({"by": "[group]"}, "'group'"),
        ({"at_most": "0"}, "`at_most` is 0"),
        ({"at_most": "'3'"}, "`at_most` is text"),
        ({"per": "hour"}, "no duration"),
        ({"per": "9999d"}, "too long"),
        ({"more": ", window: x"}, "unknown key 'window'"),
        ({"more": ", applies: {hosts: [a]}"}, "unknown key 'hosts'"),
        ({"more": ", undo: no"}, "`undo`"),
    ],
)
def test_a_limit_that_could_be_misread_is_refused_with_its_place(tmp_path, changed, says):
    with pytest.raises(PolicyError, match=r"limits\.yml:1: ") as refused:
        limit(tmp_path, **changed)
    assert says in str(refused.value)
