"""The breaker: it opens after enough failures, stays open, and only a reset closes it."""

from datetime import UTC, datetime, timedelta

import pytest

from gate.policy.limits.limit import Limit
from gate.policy.limits.reading import read_limits
from gate.policy.question import History, Host, Past, Question
from gate.values.actor import Actor

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)


def failed(ago, number=0, state="failed", actor="agent:planner", action="restart", hosts=("web-01",), **more):
    return Past(
        at=NOW - 2 * ago,
        actor=actor,
        action=action,
        hosts=hosts,
        id=f"chg-{number}",
        state=state,
        finished_at=NOW - ago,
        **({"failed_at": NOW - ago} | more),
    )


def asked(actor="agent:planner", action="restart", hosts=("web-01",)):
    return Question(
        action=action,
        risk=10,
        reversibility="full",
        check="full",
        certified=True,
        actor=Actor.parse(actor),
        hosts=tuple(Host(name=name, groups=frozenset()) for name in hosts),
    )


@pytest.fixture
def breaker(tmp_path):
    """A breaker that opens after three failures within an hour."""

    def make(by="[action]", failures=3, more="") -> Limit:
        file = tmp_path / "limits.yml"
        file.write_text(f"- {{limit: stop, breaker: {{failures: {failures}, within: 1h}}, by: {by}{more}}}\n")
        return read_limits(file)[0]

    return make


def is_open(limit, changes, resets=None, **question):
    history = History(changes=tuple(changes), resets=resets or {})
    return {name for name, usage in limit.usage(asked(**question), history, NOW).items() if usage.exceeded}


def three(*ago, **more):
    return [failed(minutes * MINUTE, number, **more) for number, minutes in enumerate(ago)]


def test_it_opens_after_enough_failures_within_its_time(breaker):
    assert not is_open(breaker(), three(10, 20))
    assert is_open(breaker(), three(10, 20, 30))
    assert not is_open(breaker(), three(10, 20, 70))  # the first and the last are exactly an hour apart
    assert is_open(breaker(), [*three(10, 20), failed(70 * MINUTE - TICK)])


def test_time_does_not_close_it(breaker):
    long_ago = 60 * 24 * 365
    assert is_open(breaker(), three(long_ago, long_ago + 1, long_ago + 2))
    assert is_open(breaker(), [*three(long_ago, long_ago + 1, long_ago + 2), failed(MINUTE, 4)])


@pytest.mark.parametrize("state", ["failed", "unknown", "undo_failed", "undone", "undoing"])
def test_whatever_failed_counts_also_when_it_was_taken_back(breaker, state):
    assert is_open(breaker(), three(1, 2, 3, state=state))


def test_what_a_person_took_back_is_no_failure(breaker):
    assert not is_open(breaker(), three(1, 2, 3, state="undone", failed_at=None))
    assert not is_open(breaker(), three(1, 2, 3, state="succeeded", failed_at=None))


def test_what_waits_is_no_failure_and_one_without_a_time_is(breaker):
    assert not is_open(breaker(), three(1, 2, 3, state="waiting", failed_at=None))
    assert is_open(breaker(), three(1, 2, 3, state="failed", failed_at=None))


@pytest.mark.parametrize(
    ("by", "mine", "others"),
    [
        ("[action]", {"action": "restart"}, {"action": "reload"}),
        ("[actor]", {"actor": "agent:planner"}, {"actor": "agent:other"}),
        ("[target]", {"hosts": ("web-01",)}, {"hosts": ("web-02",)}),
        ("[target]", {"hosts": ("web-02", "web-01")}, {"hosts": ("web-02", "web-03")}),
        ("[action, target]", {}, {"action": "reload"}),
        ("[action, target]", {}, {"hosts": ("web-02",)}),
    ],
)
def test_it_is_open_for_what_failed_and_for_nothing_else(breaker, by, mine, others):
    assert is_open(breaker(by), three(1, 2, 3, **mine))
    assert not is_open(breaker(by), three(1, 2, 3, **others))
    assert not is_open(breaker(by), [*three(1, 2, **mine), *three(3, **others)])


def test_it_is_open_on_the_hosts_that_failed(breaker):
    assert is_open(breaker("[target]"), three(1, 2, 3), hosts=("web-01", "web-02")) == {"web-01"}


def test_only_what_it_covers_opens_it(breaker):
    agents = breaker(more=", applies: {actor_kinds: [agent]}")
    assert is_open(agents, three(1, 2, 3))
    assert not is_open(agents, three(1, 2, 3, actor="human:ann"))


def test_a_reset_forgets_what_failed_before_it(breaker):
    changes = three(10, 20, 30)
    assert not is_open(breaker(), changes, {("stop", "restart"): NOW - 5 * MINUTE})
    assert not is_open(breaker(), changes, {("stop", "restart"): NOW - 10 * MINUTE})
    assert not is_open(breaker(), changes, {("stop", "restart"): NOW - 25 * MINUTE})
    assert is_open(breaker(), changes, {("stop", "restart"): NOW - 31 * MINUTE})
    again = [*changes, *three(1, 2, 3)]
    assert is_open(breaker(), again, {("stop", "restart"): NOW - 5 * MINUTE})


def test_a_reset_of_another_one_forgets_nothing(breaker):
    changes = three(10, 20, 30)
    assert is_open(breaker(), changes, {("stop", "reload"): NOW})
    assert is_open(breaker(), changes, {("other", "restart"): NOW})
    assert is_open(breaker("[action, target]"), changes, {("stop", "restart"): NOW})
    assert not is_open(breaker("[target, action]"), changes, {("stop", "restart,web-01"): NOW})


def test_it_says_what_failed_and_what_to_do(breaker):
    usage = breaker("[action, target]").usage(asked(), History(changes=tuple(three(1, 2, 3, 4))), NOW)["web-01"]
    assert usage.note == (
        "4 have failed since the last reset: chg-3, chg-2, chg-1 and 1 more. "
        "A person has to look, and then: gate breaker reset stop restart,web-01 --reason TEXT"
    )


def test_every_key_has_its_standing(breaker):
    limit = breaker("[target]", failures=2)
    changes = [*three(1, 2), failed(3 * MINUTE, 9, hosts=("web-02",)), failed(4 * MINUTE, 8, hosts=("web-03",))]
    history = History(changes=tuple(changes), resets={("stop", "web-03"): NOW})
    found = limit.kind.standings(limit.name, limit.scope, history)
    assert [one.as_json() for one in found] == [
        {"breaker": "stop", "key": "web-01", "open": True, "failures": ["chg-1", "chg-0"]},
        {"breaker": "stop", "key": "web-02", "open": False, "failures": ["chg-9"]},
    ]
