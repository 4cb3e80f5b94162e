"""Risk: the recipe is read strictly, each factor adds what it says, and the sum stays within 0 and 100."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from gate.policy.question import History, Host, Lookback, Past, Question
from gate.policy.risk.reading import read_recipe
from gate.policy.risk.recipe import Recipe, total
from gate.values.actor import Actor
from gate.values.errors import PolicyError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
WEB = Host(name="web-01", groups=frozenset({"web"}), environment="prod", criticality="high")
DB = Host(name="db-01", groups=frozenset({"db"}), environment="lab", criticality="none")
SIZES = {"": 10, "group.web": 4, "environment.prod": 3}


def question(**changed):
    asked = Question(
        action="restart",
        risk=30,
        reversibility="partial",
        check="none",
        certified=False,
        actor=Actor.parse("agent:planner"),
        hosts=(WEB,),
        sizes=SIZES,
    )
    return dataclasses.replace(asked, **changed)


def web(count):
    return tuple(dataclasses.replace(WEB, name=f"web-{number}") for number in range(count))


def failed(ago, action="restart", hosts=("web-01",), **more):
    return Past(
        at=NOW - 2 * ago, actor="human:ann", action=action, hosts=hosts, state="undone", failed_at=NOW - ago, **more
    )


@pytest.fixture
def recipe(tmp_path):
    """Makes a recipe of its text."""

    def make(text) -> Recipe:
        (tmp_path / "risk.yml").write_text(text)
        return read_recipe(tmp_path / "risk.yml")

    return make


@pytest.fixture
def added(recipe):
    """What a recipe adds to the action's own risk on the first host, as (factor, value, points)."""

    def of(text, history=(), now=NOW, **changed):
        asked = question(**changed)
        parts = recipe(text).parts(asked, History(changes=tuple(history)), now)[asked.hosts[0].name]
        assert (parts[0].factor, parts[0].points) == ("action", asked.risk)
        return [(part.factor, part.value, part.points) for part in parts[1:]]

    return of


def test_without_a_recipe_the_risk_is_the_actions_own(tmp_path, recipe):
    for made in (read_recipe(tmp_path / "none.yml"), recipe("# nothing\n"), Recipe()):
        assert total(made.parts(question(), History(), NOW)["web-01"]) == 30
        assert made.as_json() == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("environment: {prod: 20, lab: 5}", [("environment", "prod", 20)]),
        ("environment: {lab: 5}", []),
        ("environment: {lab: 5, other: 7}", [("environment", "prod", 7)]),
        ("criticality: {high: 15}", [("criticality", "high", 15)]),
        ("actor_kind: {agent: 10}", [("actor_kind", "agent", 10)]),
        ("certified: {no: 5, yes: -5}", [("certified", "no", 5)]),
        ("check: {none: 9}", [("check", "none", 9)]),
        ("reversibility: {partial: 8}", [("reversibility", "partial", 8)]),
        ("hosts: [{from: 1, points: 3}]", [("hosts", 1, 3)]),
    ],
)
def test_a_factor_adds_the_points_of_its_value(added, text, expected):
    assert added(text) == expected


def test_points_can_lower_the_risk(added):
    assert added("certified: {no: 5, yes: -5}", certified=True) == [("certified", "yes", -5)]


def test_the_last_step_that_is_reached_counts(added):
    text = "hosts: [{from: 2, points: 5}, {from: 4, points: 15}]"
    assert [added(text, hosts=web(count)) for count in (1, 2, 3, 4, 9)] == [
        [],
        [("hosts", 2, 5)],
        [("hosts", 3, 5)],
        [("hosts", 4, 15)],
        [("hosts", 9, 15)],
    ]


def test_a_share_is_of_the_group_the_environment_or_all(added):
    steps = "steps: [{from: 20%, points: 1}, {from: 50%, points: 2}]"
    assert added(f"share: {{of: web, {steps}}}", hosts=(*web(2), DB)) == [("share", 50, 2)]
    assert added(f"share: {{of: environment, {steps}}}", hosts=(*web(1), DB)) == [("share", 33, 1)]
    assert added(f"share: {{{steps}}}", hosts=(*web(2), DB)) == [("share", 30, 1)]
    assert added(f"share: {{of: db, {steps}}}", hosts=(*web(2), DB)) == []


def test_a_share_of_a_number_that_nobody_knows_is_all_of_it(added):
    text = "share: {of: web, steps: [{from: 100%, points: 9}]}"
    assert added(text, sizes={}) == [("share", 100, 9)]
    assert added(text) == []


def test_office_hours_are_those_of_the_zone(added):
    text = "hours: {zone: Europe/Berlin, from: '08:00', to: '18:00', inside: 1, outside: 2}"
    at = [
        datetime(2026, 11, 23, 6, 59, tzinfo=UTC),
        datetime(2026, 11, 23, 7, 0, tzinfo=UTC),
        datetime(2026, 11, 23, 16, 59, tzinfo=UTC),
        datetime(2026, 11, 23, 17, 0, tzinfo=UTC),
        datetime(2026, 7, 6, 6, 0, tzinfo=UTC),  # summer
        datetime(2026, 11, 22, 12, 0, tzinfo=UTC),  # Sunday
    ]
    assert [added(text, now=now)[0][2] for now in at] == [2, 1, 1, 2, 1, 2]
    assert added(text.replace("zone", "days: [sun], zone"), now=at[-1]) == [("hours", "inside", 1)]


def test_failures_of_the_action_on_the_host_count_for_a_while(added):
    text = "failures: {within: 1h, each: 10, most: 25}"
    minute = timedelta(minutes=1)
    assert added(text, [failed(59 * minute)]) == [("failures", 1, 10)]
    assert added(text, [failed(60 * minute)]) == []
    assert added(text, [failed(minute, action="reload"), failed(minute, hosts=("web-02",))]) == []
    assert added(text, [failed(minute)] * 3) == [("failures", 3, 25)]


def test_each_host_has_its_own_risk(recipe):
    parts = recipe("environment: {prod: 20}").parts(question(hosts=(WEB, DB)), History(), NOW)
    assert {host: total(of) for host, of in parts.items()} == {"web-01": 50, "db-01": 30}


@pytest.mark.parametrize(("points", "risk"), [(100, 100), (70, 100), (69, 99), (-30, 0), (-31, 0), (-100, 0)])
def test_the_sum_stays_within_0_and_100(recipe, points, risk):
    parts = recipe(f"environment: {{prod: {points}}}").parts(question(), History(), NOW)
    assert total(parts["web-01"]) == risk


def test_the_recipe_says_how_far_back_it_has_to_see(recipe):
    back = recipe("failures: {within: 2d, each: 1, most: 2}\nshare: {steps: [{from: 1%, points: 1}]}\n").lookback
    assert (back.failed_target, back.sizes) == (timedelta(days=2), True)
    assert Recipe().lookback == Lookback()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- environment", "is a list"),
        ("colour: {red: 5}", "unknown key 'colour'"),
        ("base: 5", "unknown key 'base'"),
        ("environment: 5", "`environment` is a number"),
        ("environment: {prod: high}", "is text"),
        ("environment: {prod: 101}", "is 101"),
        ("environment: {prod: -101}", "is -101"),
        ("environment: {prod: 1.5}", "is text"),
        ("environment: {prod: 1, prod: 2}", "there twice"),
        ("actor_kind: {robot: 5}", "unknown key 'robot'"),
        ("certified: {true: 5}", "unknown key 'true'"),
        ("check: {other: 5}", "unknown key 'other'"),
        ("hosts: 5", "is a number"),
        ("hosts: [{from: 0, points: 5}]", "`from` is 0"),
        ("hosts: [{from: 5}]", "no 'points'"),
        ("hosts: [{from: 5, points: 1}, {from: 5, points: 2}]", "not in order"),
        ("share: {steps: [{from: 5, points: 1}]}", "is a number"),
        ("share: {steps: [{from: 101%, points: 1}]}", "no percentage"),
        ("share: {steps: [{from: 5%, points: 1}], of: a b}", "no name of a group"),
        ("share: {of: web}", "no 'steps'"),
        ("hours: {zone: Berlin, from: '08:00', to: '18:00'}", "no zone"),
        ("hours: {zone: UTC, from: '8:00', to: '18:00'}", "no time of day"),
        ("hours: {zone: UTC, from: '18:00', to: '08:00'}", "end before they begin"),
        ("hours: {zone: UTC, from: '08:00', to: '18:00', days: [monday]}", "A day is 'monday'"),
        ("failures: {within: 1h, each: 5}", "no 'most'"),
        ("failures: {within: 999d, each: 5, most: 9}", "too long"),
        ("failures: {within: 1h, each: 0, most: 9}", "`each` is 0"),
    ],
)
def test_a_recipe_that_could_be_misread_is_refused_with_its_place(recipe, text, says):
    with pytest.raises(PolicyError, match=r"risk\.yml:1: ") as refused:
        recipe(text + "\n")
    assert says in str(refused.value)
