"""Inputs on which the engine, used in the usual way, lets through what a rule forbids. Here none of them does."""

import pytest

from gate.policy.decision import Verdict
from gate.policy.engine.evaluator import EngineError

RULES = """
- {rule: yes, when: {action: ok}, then: allow, because: Allowed.}
- {rule: no, when: {any: [{risk: {gt: 50}}, {environment: prod}, {group.pci: yes}]}, then: deny, because: Forbidden.}
- {rule: other, when: {environment: {ne: dev}}, then: {needs_approval: {from: sre}}, because: Not dev.}
"""
SAFE = {"action": "ok", "risk": 10, "environment": "dev"}


@pytest.fixture
def policy(load):
    return load(RULES)


def test_the_safe_question_is_allowed_so_that_these_tests_can_fail(policy, ask):
    assert ask(policy, **SAFE).verdict is Verdict.ALLOW


@pytest.mark.parametrize("value", [True, "51", "low", "", 10.0, 51.0, None, 2**70, [], {}, float("nan")])
def test_a_number_of_another_type_is_never_compared(policy, ask, value):
    decision = ask(policy, **SAFE | {"risk": value})
    assert decision.verdict is Verdict.DENY
    assert decision.reasons[0].rule == "gate/engine"


@pytest.mark.parametrize("value", [None, 0, True, 1.5, ["dev"], {"dev": 1}])
def test_a_text_of_another_type_is_never_compared(policy, ask, value):
    assert ask(policy, **SAFE | {"environment": value}).reasons[0].rule == "gate/engine"


@pytest.mark.parametrize("lack", ["risk", "environment", "action", "group.pci"])
def test_a_missing_fact_is_an_error_and_no_silent_mismatch(policy, ask, lack):
    facts = dict(ask(policy, **SAFE).facts["web-01"])
    del facts[lack]
    with pytest.raises(EngineError, match="attributes"):
        policy._evaluator.fired(facts)
    assert policy._evaluator.pid is None  # an engine that saw something unexpected is not asked again
    assert ask(policy, **SAFE).verdict is Verdict.ALLOW


@pytest.mark.parametrize("wrong", [True, "10", 10.0, None, 2**63])
def test_the_engines_process_checks_types_once_more(policy, ask, wrong):
    facts = dict(ask(policy, **SAFE).facts["web-01"])
    with pytest.raises(EngineError):
        policy._evaluator.fired(facts | {"risk": wrong})


@pytest.mark.parametrize("wrong", ["é", 'a"b', "a\\b", "a\nb", "a\x00b", "x" * 513])
def test_the_engines_process_checks_texts_once_more(policy, ask, wrong):
    facts = dict(ask(policy, **SAFE).facts["web-01"])
    with pytest.raises(EngineError, match="plain text"):
        policy._evaluator.fired(facts | {"action": wrong})


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 65_536 * 2])
def test_a_length_that_wraps_around_makes_nothing_equal(policy, ask, size):
    assert ask(policy, **SAFE | {"action": "ok" + "x" * size}).verdict is Verdict.DENY
    long = ask(policy, **SAFE | {"environment": "dev" + "\x00" * size})
    assert [reason.rule for reason in long.reasons] == ["other", "yes"]


@pytest.mark.parametrize(
    "text",
    [
        "dev ",
        "Dev",
        "dev\x00",
        "dev\n",
        'dev"',
        'dev","risk":99,"x":"',
        "dev\\",
        "\\u0064ev",
        "\u217eev",
        "d\u200bev",
        "\ud800",
    ],
)
def test_only_the_very_same_text_is_equal(policy, ask, text):
    decision = ask(policy, **SAFE | {"environment": text})
    assert [reason.rule for reason in decision.reasons] == ["other", "yes"]


def test_texts_that_are_no_plain_ascii_can_still_be_named_in_a_rule(load, ask):
    made = load("- {rule: here, when: {environment: 'Zürich \"1\"'}, then: allow, because: Here.}")
    assert ask(made, environment='Zürich "1"').verdict is Verdict.ALLOW
    assert ask(made, environment='Zu\u0308rich "1"').verdict is Verdict.DENY


def test_a_comparison_after_a_common_prefix_is_right(load, ask):
    made = load("- {rule: not-ab, when: {action: {not_in: [ab, 'ab!']}}, then: allow, because: Neither.}")
    for action, verdict in (("ab", Verdict.DENY), ("ab!", Verdict.DENY), ("a", Verdict.ALLOW), ("ab!!", Verdict.ALLOW)):
        assert ask(made, action=action).verdict is verdict


def test_more_rules_than_the_engine_can_match_at_once_all_fire(load, ask):
    many = "".join(f"- {{rule: a{n}, when: {{risk: {{ge: {n % 5}}}}}, then: allow, because: x}}\n" for n in range(300))
    made = load(many + "- {rule: last, when: {risk: {ge: 1}}, then: deny, because: Forbidden.}\n")
    decision = ask(made)
    assert decision.verdict is Verdict.DENY
    assert len(decision.fired["web-01"]) == 301


def test_a_rule_that_is_true_in_many_ways_fires_like_any_other(load, ask):
    ways = ", ".join(f"{{risk: {{ge: {n}}}}}" for n in range(48))
    made = load(f"- {{rule: many, when: {{any: [{ways}]}}, then: allow, because: x}}\n")
    assert ask(made, risk=99).fired == {"web-01": ("many",)}


def test_half_matched_rules_are_no_more_than_the_engine_takes(load, ask):
    half = "- {{rule: r{0}, when: {{all: [{{n_targets: {{lt: {1}}}}}, {{action: a{0}}}]}}, then: allow, because: x}}\n"
    made = load("".join(half.format(n, 1000 + n) for n in range(300)))
    assert ask(made, action="a299").fired == {"web-01": ("r299",)}
    assert ask(made, action="a300").verdict is Verdict.DENY


def test_a_rule_of_many_groups_is_right_in_each_of_them(load, ask):
    groups = ", ".join(f"{{all: [{{action: a{n}}}, {{any: [{{risk: {n}}}, {{target: t{n}}}]}}]}}" for n in range(24))
    made = load(f"- {{rule: many, when: {{any: [{groups}]}}, then: allow, because: x}}\n")
    for n in range(24):
        assert ask(made, action=f"a{n}", risk=n).fired == {"web-01": ("many",)}
        assert ask(made, action=f"a{n}", risk=99, name=f"t{n}").fired == {f"t{n}": ("many",)}
        assert ask(made, action=f"a{n}", risk=99).verdict is Verdict.DENY


def test_more_facts_than_the_engine_takes_at_once_are_asked_for_in_turn(load, ask):
    made = load("".join(f"- {{rule: r{n}, when: {{group.g{n}: yes}}, then: allow, because: x}}\n" for n in range(600)))
    assert ask(made, groups=frozenset({"g599", "g3"})).fired == {"web-01": ("r3", "r599")}
    assert ask(made).verdict is Verdict.DENY


def test_a_long_list_of_values_is_right_at_its_end(load, ask):
    names = ", ".join(f"n{number}" for number in range(400))
    made = load(f"- {{rule: listed, when: {{action: {{in: [{names}]}}}}, then: allow, because: x}}\n")
    assert ask(made, action="n399").verdict is Verdict.ALLOW
    assert ask(made, action="n400").verdict is Verdict.DENY


def test_two_conditions_are_about_one_fact(load, ask):
    made = load("- {rule: both, when: {all: [{environment: prod}, {risk: 30}]}, then: allow, because: x}\n")
    assert ask(made).verdict is Verdict.ALLOW
    assert ask(made, risk=31).verdict is Verdict.DENY


def test_a_rule_may_have_a_name_that_the_engine_uses(load, ask):
    names = ("canary", "c0", "r0", "zz", "sid", "id")
    made = load("".join(f"- {{rule: {name}, when: {{risk: {{ge: 0}}}}, then: allow, because: x}}\n" for name in names))
    assert ask(made).fired == {"web-01": tuple(sorted(names))}


def test_the_longest_names_are_told_apart(load, ask):
    window = "- {{window: {0}, kind: freeze, cron: '0 12 * * {1}', duration: 1h, zone: UTC}}\n"
    long = "w" * 62
    windows = window.format(long + "a", "mon") + window.format(long + "b", "tue")
    made = load("- {rule: any, when: {risk: {ge: 0}}, then: allow, because: x}\n", windows)
    assert ask(made).fired == {"web-01": ("any", f"window/{long}a")}
