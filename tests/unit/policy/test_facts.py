"""Facts: always all of them, always of their type, and nothing guessed."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from gate.policy.facts import note, situation
from gate.policy.question import History, Host, Lookback, Past, Question
from gate.values.actor import Actor

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NIGHT = datetime(2026, 11, 23, 23, tzinfo=UTC)
WEB = Host(name="web-01", groups=frozenset({"web", "Odd"}), environment="prod", criticality="high")
QUESTION = Question(
    action="restart",
    risk=30,
    reversibility="full",
    check="none",
    certified=True,
    actor=Actor.parse("agent:planner"),
    hosts=(WEB,),
)
WINDOWS = """
- {window: nights, kind: allow, cron: '0 22 * * *', duration: 4h, zone: UTC, applies: {environments: [prod]}}
- {window: noons, kind: allow, cron: '0 12 * * *', duration: 1h, zone: UTC, applies: {groups: [db, web], actions: [x]}}
- {window: freeze, kind: freeze, cron: '0 12 * * mon', duration: 1h, zone: Europe/Berlin}
"""
LIMITS = "- {limit: slow, at_most: 1, per: 1h, by: [actor]}"
RULES = "- {rule: any, when: {group.web: yes}, then: allow, because: A rule.}\n"


def facts(book, question=QUESTION, history=(), now=NOON, windows=WINDOWS):
    made = situation(book(RULES, windows, LIMITS), question, History(changes=tuple(history)), now)
    return made.facts["web-01"]


def test_every_fact_of_the_rulebook_is_there(book):
    assert facts(book) == {
        "action": "restart",
        "actor": "agent:planner",
        "actor_kind": "agent",
        "target": "web-01",
        "environment": "prod",
        "criticality": "high",
        "risk": 30,
        "action_risk": 30,
        "reversibility": "full",
        "check": "none",
        "certified": "yes",
        "undo": "no",
        "n_targets": 1,
        "windows": "closed",
        "early": "wait",
        "group.db": "no",
        "group.web": "yes",
        "window.nights": "closed",
        "window.noons": "open",
        "window.freeze": "closed",
        "limit.slow": "within",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"risk": True},
        {"risk": "30"},
        {"risk": 30.0},
        {"risk": None},
        {"risk": 10**10},
        {"certified": "no"},
        {"certified": 0},
        {"undo": None},
        {"action": 5},
        {"action": None},
        {"reversibility": "FULL"},
        {"check": ""},
        {"hosts": (dataclasses.replace(WEB, environment=None),)},
        {"hosts": (dataclasses.replace(WEB, criticality=7),)},
    ],
)
def test_a_value_of_another_type_or_unknown_is_an_error(book, changed):
    with pytest.raises((ValueError, TypeError, AttributeError)):
        facts(book, dataclasses.replace(QUESTION, **changed))


def test_a_host_cannot_hide_behind_another_of_its_name():
    with pytest.raises(ValueError, match="twice"):
        dataclasses.replace(QUESTION, hosts=(WEB, dataclasses.replace(WEB, environment="dev")))


def test_a_window_covers_only_what_it_applies_to(book):
    assert facts(book, now=NIGHT)["windows"] == "open"
    assert facts(book, dataclasses.replace(QUESTION, action="x"))["windows"] == "open"  # noons covers it too
    lab = dataclasses.replace(QUESTION, hosts=(dataclasses.replace(WEB, environment="lab"),))
    assert facts(book, lab)["windows"] == "none"


def test_what_may_not_be_finished_in_its_window_is_early(book):
    slow = dataclasses.replace(QUESTION, timeout_s=4 * 3600)
    late = NIGHT + timedelta(minutes=1)
    assert facts(book, slow, now=NIGHT - timedelta(hours=1))["windows"] == "open"
    assert (facts(book, slow, now=late)["windows"], facts(book, slow, now=late)["early"]) == ("closing", "wait")
    assert facts(book, dataclasses.replace(slow, timeout_s=5 * 3600), now=late)["early"] == "deny"  # it never fits


@pytest.mark.parametrize("timeout_s", [-1, True, 1.5, "60", None, 10**20])
def test_a_time_that_is_no_time_is_an_error(book, timeout_s):
    with pytest.raises((ValueError, OverflowError)):
        facts(book, dataclasses.replace(QUESTION, timeout_s=timeout_s))


@pytest.mark.parametrize(
    ("windows", "now", "early"),
    [
        (WINDOWS, NIGHT, "no"),
        (WINDOWS, NOON, "wait"),
        (WINDOWS.replace("zone: UTC", "zone: UTC, early: deny", 1), NOON, "deny"),
        (WINDOWS, NOON - timedelta(minutes=30), "deny"),  # a freeze is on
        (WINDOWS.replace("Berlin", "Berlin, early: wait"), NOON - timedelta(minutes=30), "wait"),
        ("- {closed: shut}", NOON, "deny"),  # nothing will ever open
        (WINDOWS + "- {closed: shut, early: deny}", NOON, "deny"),
        (WINDOWS + "- {closed: shut, early: deny, applies: {environments: [dev]}}", NOON, "wait"),
    ],
)
def test_one_window_that_denies_what_is_early_is_enough(book, windows, now, early):
    assert facts(book, now=now, windows=windows)["early"] == early


def test_undo_can_be_exempt_from_a_window(book):
    undo = dataclasses.replace(QUESTION, undo=True)
    exempt = WINDOWS.replace("zone: UTC", "undo: exempt, zone: UTC", 1)
    assert facts(book, undo)["windows"] == "closed"
    assert facts(book, undo, windows=exempt)["windows"] == "none"


def test_the_risk_is_the_actions_own_and_what_the_recipe_adds(book, tmp_path):
    (tmp_path / "risk.yml").write_text("environment: {prod: 90}\ncriticality: {high: -1}\n")
    seen = facts(book)
    assert (seen["risk"], seen["action_risk"]) == (100, 30)
    assert facts(book, dataclasses.replace(QUESTION, risk=5))["risk"] == 94


def test_a_history_that_was_read_for_other_rules_is_refused(book):
    made = book(RULES, WINDOWS, LIMITS)
    assert made.lookback == Lookback(actor=timedelta(hours=1))
    situation(made, QUESTION, History(lookback=made.lookback), NOON)
    with pytest.raises(ValueError, match="the rules changed"):
        situation(made, QUESTION, History(lookback=Lookback(actor=timedelta(minutes=59))), NOON)


def test_a_limit_is_exceeded_by_the_change_that_would_be_one_too_many(book):
    before = Past(at=NOON - timedelta(minutes=1), actor="agent:planner", action="x", hosts=("y",))
    assert facts(book, history=[before])["limit.slow"] == "exceeded"
    assert facts(book, history=[dataclasses.replace(before, actor="agent:other")])["limit.slow"] == "within"


def test_notes_say_until_when_and_from_when(book):
    made = book(RULES, WINDOWS, LIMITS)
    before = Past(at=NOON - timedelta(minutes=1), actor="agent:planner", action="x", hosts=("y",))
    now = situation(made, QUESTION, History(changes=(before,)), NOON - timedelta(minutes=30))
    assert note(made, "window/closed", "web-01", now) == "The next is nights, Mon 2026-11-23 22:00 UTC."
    assert note(made, "window/freeze", "web-01", now) == (
        "It lasts until Mon 2026-11-23 13:00 Europe/Berlin (2026-11-23 12:00 UTC)."
    )
    assert note(made, "limit/slow", "web-01", now) == (
        "1 of 1 are used; the next is possible at 2026-11-23 12:59:00 UTC."
    )
    assert note(made, "any", "web-01", now) == ""


def test_hostile_texts_become_digests(book):
    seen = facts(book, dataclasses.replace(QUESTION, action='x", "risk": 0'))
    assert seen["action"].startswith("sha256:")
    assert len(facts(book, dataclasses.replace(QUESTION, action="x" * 513))["action"]) == 71
