"""Limits: the sliding edge, what is counted together, how much at once, how many hosts, and how soon again."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from gate.policy.limits.limit import Limit
from gate.policy.limits.reading import read_limits
from gate.policy.question import History, Host, Past, Question
from gate.values.actor import Actor
from gate.values.errors import PolicyError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)
HOSTS = {
    "web-01": Host(name="web-01", groups=frozenset({"web", "paris"}), environment="prod"),
    "web-02": Host(name="web-02", groups=frozenset({"web"}), environment="prod"),
    "web-03": Host(name="web-03", groups=frozenset({"web"}), environment="staging"),
    "db-01": Host(name="db-01", groups=frozenset({"db", "paris"}), environment="prod"),
}
SIZES = {"": 4, "group.web": 3, "group.db": 1, "group.paris": 2, "environment.prod": 3, "environment.staging": 1}
EVERYWHERE = ("web-01", "web-02", "web-03", "db-01")


def question(actor="agent:planner", action="restart", hosts=("web-01",), sizes=SIZES, **more):
    return Question(
        action=action,
        risk=10,
        reversibility="full",
        check="full",
        certified=True,
        actor=Actor.parse(actor),
        hosts=tuple(HOSTS.get(name, Host(name=name, groups=frozenset())) for name in hosts),
        sizes=sizes,
        **more,
    )


def past(ago=TICK, actor="agent:planner", action="restart", hosts=("web-01",), known=True, **more):
    places = {name: HOSTS[name] for name in hosts if name in HOSTS} if known else {}
    return Past(at=NOW - ago, actor=actor, action=action, hosts=hosts, known=places, **more)


def read(tmp_path, text) -> Limit:
    (tmp_path / "limits.yml").write_text(f"- {{limit: slow, {text}}}\n")
    return read_limits(tmp_path / "limits.yml")[0]


@pytest.fixture
def exceeded(tmp_path):
    """The hosts on which a limit is exceeded by a question after a history."""

    def of(text, history=(), **asked):
        usage = read(tmp_path, text).usage(question(**asked), History(changes=tuple(history)), NOW)
        assert usage.keys() == {host.name for host in question(**asked).hosts}
        return {name for name, used in usage.items() if used.exceeded}

    return of


@pytest.fixture
def note(tmp_path):
    """What a limit says of web-01."""

    def of(text, history=(), **asked):
        return read(tmp_path, text).usage(question(**asked), History(changes=tuple(history)), NOW)["web-01"].note

    return of


# a rate


def rate(by="[actor]", at_most=1, more=""):
    return f"at_most: {at_most}, per: 1h, by: {by}{more}"


def test_a_change_counts_until_it_is_exactly_a_period_old(exceeded):
    assert exceeded(rate(), [past(HOUR)]) == set()
    assert exceeded(rate(), [past(HOUR - TICK)]) == {"web-01"}


def test_a_change_from_the_future_counts_too(exceeded):
    assert exceeded(rate(), [past(-HOUR)]) == {"web-01"}


@pytest.mark.parametrize("state", ["waiting", "ready", "running", "unknown", "failed", "expired", "withdrawn"])
def test_what_waits_or_did_not_end_well_counts_too(exceeded, state):
    assert exceeded(rate(), [past(state=state)]) == {"web-01"}


def test_the_next_one_is_possible_when_enough_have_grown_old(note):
    history = [past(timedelta(minutes=ago)) for ago in (10, 50, 40)]
    assert note(rate(at_most=3), history) == "3 of 3 are used; the next is possible at 2026-11-23 12:10:00 UTC."
    assert note(rate(at_most=2), history) == "3 of 2 are used; the next is possible at 2026-11-23 12:20:00 UTC."
    assert note(rate("[group:web]", 3), history).startswith("3 of 3 are used in the group web; ")


@pytest.mark.parametrize(
    ("by", "counts"),
    [
        ("[actor]", {"web-01": 4, "db-01": 4}),
        ("[action]", {"web-01": 4, "db-01": 4}),
        ("[target]", {"web-01": 3, "db-01": 1}),
        ("[actor, target]", {"web-01": 2, "db-01": 1}),
        ("[actor, action]", {"web-01": 3, "db-01": 3}),
        ("[actor, action, target]", {"web-01": 1, "db-01": 1}),
        ("[environment]", {"web-01": 4, "db-01": 4, "web-03": 1}),
        ("[group]", {"web-01": 4, "db-01": 4, "web-02": 4, "web-03": 4}),  # of web and of paris, whichever is more
        ("[group:paris]", {"web-01": 4, "db-01": 4, "web-02": 0}),
        ("[group:web]", {"web-01": 4, "db-01": 0}),
        ("[action, environment]", {"web-01": 3, "web-03": 1}),
    ],
)
def test_each_combination_is_counted_for_itself(exceeded, by, counts):
    history = [
        past(),
        past(hosts=("db-01", "db-01")),
        past(actor="human:ann"),
        past(action="reload"),
        past(hosts=("web-03",)),
    ]
    for name, count in counts.items():
        assert exceeded(rate(by, count + 1), history, hosts=(name,)) == set(), name
        if count:
            assert exceeded(rate(by, count), history, hosts=(name,)) == {name}


def test_one_change_on_many_hosts_counts_once_in_a_group(exceeded):
    assert exceeded(rate("[group]", 2), [past(hosts=EVERYWHERE)]) == set()
    assert exceeded(rate("[group]", 1), [past(hosts=EVERYWHERE)]) == {"web-01"}


def test_a_host_of_no_group_is_in_no_count_of_groups(exceeded):
    assert exceeded(rate("[group]"), [past(hosts=("lonely",))], hosts=("lonely",)) == set()


def test_only_changes_of_the_named_kinds_and_actions_are_counted(exceeded):
    text = rate("[target]", 3, ", applies: {actor_kinds: [agent], actions: [restart, reload]}")
    history = [past(actor="human:ann"), past(action="reload"), past(action="patch"), past()]
    assert exceeded(text, history) == set()
    assert exceeded(text, [*history, past()]) == {"web-01"}


@pytest.mark.parametrize("applies", ["environments: [prod]", "groups: [web]", "criticalities: [none]"])
def test_only_changes_in_the_named_places_are_counted(exceeded, applies):
    elsewhere = dataclasses.replace(HOSTS["web-03"], groups=frozenset({"db"}), criticality="low")
    other = dataclasses.replace(past(hosts=("web-03",)), known={"web-03": elsewhere})
    text = rate("[actor]", 1, f", applies: {{{applies}}}")
    assert exceeded(text, [other]) == set()
    assert exceeded(text, [past()]) == {"web-01"}


@pytest.mark.parametrize("by", ["[actor]", "[environment]", "[group]", "[group:web]"])
def test_what_is_unknown_of_the_past_makes_the_count_stricter_not_looser(exceeded, by):
    text = rate(by, 1, ", applies: {environments: [prod], groups: [web]}")
    assert exceeded(text, [past(hosts=("somewhere",), known=False)]) == {"web-01"}


def test_a_host_that_moved_counts_where_it_was(exceeded):
    moved = dataclasses.replace(past(), known={"web-01": dataclasses.replace(HOSTS["web-01"], environment="staging")})
    assert exceeded(rate("[environment]"), [moved]) == set()
    assert exceeded(rate("[environment]"), [moved], hosts=("web-03",)) == {"web-03"}


@pytest.mark.parametrize("state", ["waiting", "ready", "expired", "withdrawn"])
def test_what_has_not_begun_does_not_stop_another_from_beginning(exceeded, state):
    assert exceeded(rate(), [past(state=state)]) == {"web-01"}
    assert exceeded(rate(), [past(state=state)], starting=True) == set()


@pytest.mark.parametrize("state", ["running", "unknown", "succeeded", "failed", "undoing", "undone", "undo_failed"])
def test_no_more_begin_in_a_period_than_may_be_asked_for_in_it(exceeded, state):
    waited = past(12 * HOUR, state=state, started_at=NOW - HOUR + TICK)  # asked for by day, begun in its window
    assert exceeded(rate(), [waited], starting=True) == {"web-01"}
    assert exceeded(rate(), [waited]) == {"web-01"}
    earlier = dataclasses.replace(waited, started_at=NOW - HOUR)
    assert exceeded(rate(), [earlier], starting=True) == exceeded(rate(), [earlier]) == set()


def test_the_next_start_is_possible_when_enough_starts_have_grown_old(note):
    begun = [past(9 * HOUR, started_at=NOW - timedelta(minutes=ago), state="running") for ago in (10, 50, 40)]
    begun.append(past(timedelta(minutes=5), state="ready"))
    assert note(rate(at_most=3), begun, starting=True) == (
        "3 of 3 are used; the next is possible at 2026-11-23 12:10:00 UTC."
    )
    assert note(rate(at_most=3), begun) == "4 of 3 are used; the next is possible at 2026-11-23 12:20:00 UTC."


# at once


@pytest.mark.parametrize("state", ["waiting", "ready", "running", "undoing", "unknown"])
def test_what_is_not_at_rest_takes_a_place(exceeded, state):
    assert exceeded("concurrent: 1", [past(timedelta(days=9), state=state)]) == {"web-01"}


@pytest.mark.parametrize("state", ["succeeded", "failed", "undone", "undo_failed", "expired", "withdrawn"])
def test_what_is_at_rest_takes_no_place(exceeded, state):
    assert exceeded("concurrent: 1", [past(state=state)]) == set()


def test_many_that_are_ready_do_not_deny_each_other_when_they_start(exceeded):
    others = [past(state="ready"), past(state="waiting"), past(state="running")]
    assert exceeded("concurrent: 2", others, starting=True) == set()
    assert exceeded("concurrent: 1", others, starting=True) == {"web-01"}


def test_an_undo_and_what_it_takes_back_are_one(exceeded):
    both = [past(id="chg-1", state="undoing"), past(id="chg-2", state="running", actor="human:ann", undo_of="chg-1")]
    assert exceeded("concurrent: 2", both) == set()
    assert exceeded("concurrent: 1", both) == {"web-01"}
    assert exceeded("concurrent: 1, by: [actor]", both) == set()


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("[target]", {"web-01"}),
        ("[group]", {"web-01", "web-02", "db-01"}),
        ("[environment]", {"web-01", "web-02", "db-01"}),
    ],
)
def test_what_is_under_way_is_counted_by_place(exceeded, by, expected):
    running = [past(state="running")]
    assert exceeded(f"concurrent: 1, by: {by}", running, hosts=("web-01", "web-02", "db-01", "lonely")) == expected


def test_the_open_changes_are_named(note):
    others = [past(id=f"chg-{n}", state="running") for n in range(5)]
    assert note("concurrent: 2, by: [action]", others) == (
        "5 of 2 are open: chg-0, chg-1, chg-2 and 2 more. The next is possible when one of them is at rest."
    )


# hosts


def test_a_change_is_on_so_many_hosts_at_most(exceeded, note):
    assert exceeded("hosts: 4", hosts=EVERYWHERE) == set()
    assert exceeded("hosts: 3", hosts=EVERYWHERE) == set(EVERYWHERE)
    assert note("hosts: 3", hosts=EVERYWHERE) == "It is on 4 hosts; 3 are the most."
    assert exceeded("hosts: 2, of: web", hosts=EVERYWHERE) == {"web-01", "web-02", "web-03"}
    assert exceeded("hosts: 2, of: environment", hosts=EVERYWHERE) == {"web-01", "web-02", "db-01"}


def test_a_share_is_rounded_down(exceeded, note):
    two = ("web-01", "web-02")
    assert exceeded("share: 67%, of: web", hosts=two) == set()
    assert exceeded("share: 66%, of: web", hosts=two) == set(two)  # 1.98 hosts
    assert note("share: 66%, of: web", hosts=two) == "It is on 2 hosts of web; 1 are the most (66 % of 3)."
    assert exceeded("share: 100%, of: web", hosts=("web-01", "web-02", "web-03")) == set()


def test_a_share_of_less_than_one_host_lets_nothing_through_unless_it_says_so(exceeded, note):
    assert exceeded("share: 33%, of: web") == {"web-01"}
    assert "`at_least: 1` would let one pass" in note("share: 33%, of: web")
    assert exceeded("share: 33%, of: web, at_least: 1") == set()
    assert exceeded("share: 33%, of: web, at_least: 1", hosts=("web-01", "web-02")) == {"web-01", "web-02"}


def test_a_share_of_a_number_that_nobody_knows_lets_nothing_through(exceeded):
    assert exceeded("share: 100%, of: web", sizes={}) == {"web-01"}
    assert exceeded("share: 100%, of: web", sizes={"group.web": 0}) == {"web-01"}


def test_of_a_number_and_a_share_the_smaller_holds(exceeded):
    two = ("web-01", "web-02")
    assert exceeded("hosts: 2, share: 67%, of: web", hosts=two) == set()
    assert exceeded("hosts: 1, share: 67%, of: web", hosts=two) == set(two)
    assert exceeded("hosts: 2, share: 34%, of: web", hosts=two) == set(two)


def test_at_once_the_hosts_of_all_open_changes_count_each_once(exceeded, note):
    others = [past(id="chg-1", state="unknown", hosts=("web-01", "web-02")), past(state="running", hosts=("web-02",))]
    assert exceeded("hosts: 2, of: web, at: once", others) == set()
    assert exceeded("hosts: 2, of: web, at: once", others, hosts=("web-03",)) == {"web-03"}
    assert exceeded("hosts: 2, of: web", others, hosts=("web-03",)) == set()
    assert exceeded("hosts: 2, of: web, at: once", others, hosts=("db-01",)) == set()
    assert note("hosts: 1, of: web, at: once", others[:1]) == (
        "With what is open (chg-1) it is on 2 hosts of web; 1 are the most."
    )


def test_at_once_a_host_of_which_nothing_is_known_counts_everywhere(exceeded):
    other = past(state="running", hosts=("gone",), known=False)
    assert exceeded("hosts: 1, of: web, at: once", [other]) == {"web-01"}


def test_hosts_that_the_limit_is_not_about_do_not_count(exceeded):
    text = "hosts: 2, of: web, at: once, applies: {environments: [prod]}"
    assert exceeded(text, [past(state="running", hosts=("web-03",))], hosts=("web-01", "web-02")) == set()


# cool-down


def test_a_host_rests_after_the_last_change_has_finished(exceeded, note):
    text = "cooldown: 10m, by: [target]"
    done = past(HOUR, finished_at=NOW - timedelta(minutes=4))
    assert exceeded(text, [done], hosts=("web-01", "web-02")) == {"web-01"}
    assert exceeded(text, [dataclasses.replace(done, finished_at=NOW - timedelta(minutes=10))]) == set()
    assert note(text, [done]) == (
        "The last one finished at 2026-11-23 11:56:00 UTC; the next is possible at 2026-11-23 12:06:00 UTC."
    )


def test_a_cooldown_of_an_action_leaves_other_actions_alone(exceeded):
    done = past(action="reload", finished_at=NOW)
    assert exceeded("cooldown: 10m, by: [action, target]", [done]) == set()
    assert exceeded("cooldown: 10m, by: [target]", [done]) == {"web-01"}


@pytest.mark.parametrize(
    ("state", "asked", "starting"),
    [
        ("running", True, True),
        ("undoing", True, True),
        ("unknown", True, True),
        ("ready", True, False),
        ("waiting", False, False),
        ("expired", False, False),
        ("withdrawn", False, False),
    ],
)
def test_what_is_about_to_touch_a_host_keeps_it_warm(exceeded, state, asked, starting):
    other = [past(state=state)]
    assert bool(exceeded("cooldown: 10m, by: [target]", other)) is asked
    assert bool(exceeded("cooldown: 10m, by: [target]", other, starting=True)) is starting


# is it a matter of time?

RUNNING = past(HOUR, id="chg-1", state="running")
DONE = past(HOUR, finished_at=NOW - timedelta(minutes=4))


@pytest.mark.parametrize(
    ("text", "history", "frees", "frees_at"),
    [
        (rate(), [past(timedelta(minutes=20))], True, NOW + timedelta(minutes=40)),
        (rate(), [], False, None),  # there is room now
        ("concurrent: 1", [RUNNING], True, None),
        ("hosts: 1, at: once", [dataclasses.replace(RUNNING, hosts=("db-01",))], True, None),
        ("share: 25%, at: once", [dataclasses.replace(RUNNING, hosts=("db-01",))], True, None),
        ("share: 24%, at: once", [RUNNING], False, None),  # it is too much by itself
        ("share: 24%", [], False, None),
        ("cooldown: 10m, by: [target]", [RUNNING], True, None),
        ("cooldown: 10m, by: [target]", [DONE], True, NOW + timedelta(minutes=6)),
        ("cooldown: 10m, by: [target]", [DONE, RUNNING], True, None),
        ("breaker: {failures: 1, within: 1h}, by: [action]", [past(state="failed")], False, None),
    ],
)
def test_a_limit_says_whether_there_will_be_room_and_when(tmp_path, text, history, frees, frees_at):
    usage = read(tmp_path, text).usage(question(), History(changes=tuple(history)), NOW)["web-01"]
    assert (usage.frees, usage.frees_at) == (frees, frees_at)
    assert usage.exceeded is (frees or "24%" in text or "breaker" in text)


def test_of_two_places_the_one_that_is_full_for_longer_counts(tmp_path):
    history = (past(timedelta(minutes=50)), past(timedelta(minutes=20), hosts=("web-02",)))
    usage = read(tmp_path, rate("[group]")).usage(question(), History(changes=history), NOW)["web-01"]
    assert usage.frees_at == NOW + timedelta(minutes=40)


# reading


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (rate("[]"), "`by` is empty"),
        (rate("actor"), "is text"),
        (rate("[site]"), "'site'"),
        (rate("['group:a b']"), "no name of a group"),
        (rate(at_most="0"), "`at_most` is 0"),
        (rate(at_most="'3'"), "`at_most` is text"),
        ("at_most: 3, by: [actor]", "no 'per'"),
        ("at_most: 3, per: 1h", "no 'by'"),
        ("at_most: 3, per: hour, by: [actor]", "no duration"),
        ("at_most: 3, per: 9999d, by: [actor]", "too long"),
        (rate(more=", window: x"), "unknown key 'window'"),
        (rate(more=", applies: {hosts: [a]}"), "unknown key 'hosts'"),
        (rate(more=", undo: no"), "`undo`"),
        (rate(more=", cooldown: 5m"), "at_most and cooldown"),
        ("per: 1h, by: [actor]", "of none"),
        ("concurrent: 0", "`concurrent` is 0"),
        ("concurrent: 5, per: 1h", "unknown key 'per'"),
        ("concurrent: 5, by: []", "`by` is empty"),
        ("hosts: 5, by: [actor]", "unknown key 'by'"),
        ("hosts: 5, at: now", "`at` is 'now'"),
        ("hosts: 5, of: a b", "no name of a group"),
        ("hosts: 5, at_least: 1", "needs a `share`"),
        ("share: 25", "no percentage"),
        ("share: 0%", "no percentage"),
        ("share: 101%", "no percentage"),
        ("share: 2.5%", "no percentage"),
        ("share: -5%", "no percentage"),
        ("share: ²%", "no percentage"),
        ("cooldown: 5m", "no 'by'"),
        ("cooldown: 5m, by: [action]", "no `target`"),
        ("cooldown: 5m, by: [actor, target]", "'actor'"),
        ("breaker: {failures: 3, within: 1h}", "no 'by'"),
        ("breaker: {failures: 3, within: 1h}, by: [environment]", "'environment'"),
        ("breaker: {failures: 0, within: 1h}, by: [action]", "`failures` is 0"),
        ("breaker: {failures: 3}, by: [action]", "no 'within'"),
        ("breaker: 3, by: [action]", "`breaker` is a number"),
    ],
)
def test_a_limit_that_could_be_misread_is_refused_with_its_place(tmp_path, text, says):
    with pytest.raises(PolicyError, match=r"limits\.yml:1: ") as refused:
        read(tmp_path, text)
    assert says in str(refused.value)


def test_two_limits_cannot_share_a_name(tmp_path):
    (tmp_path / "limits.yml").write_text("- {limit: a, concurrent: 1}\n- {limit: a, concurrent: 2}\n")
    with pytest.raises(PolicyError, match=r"limits\.yml:2: .*twice"):
        read_limits(tmp_path / "limits.yml")
