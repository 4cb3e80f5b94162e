"""The ways in which durable_rules 2.0.28 is known to lose a verdict or to crash: here each is tried, and misses.

Beside these: types, texts, lengths and the numbers of rules and facts in test_fail_open, names with one hash in the
unit tests of the compiler, processes that die, hang or lie in test_child, and random rules and facts in test_fuzz.
"""

import ast
from functools import reduce
from pathlib import Path

import pytest

import gate
import planner
from gate.policy.decision import Verdict
from gate.policy.engine.evaluator import COMMAND

FILES = [path for room in (gate, planner) for path in Path(room.__file__).parent.rglob("*.py")]
DRIVER = Path(gate.__file__).parent / "policy" / "engine" / "driver.py"
ALLOW = "- {rule: ok, when: {risk: {le: 50}}, then: allow, because: Allowed.}\n"
# no post, no batch, no timers, no Host: what is not here loses verdicts
HARMLESS = {
    *("create_ruleset", "assert_fact", "retract_fact", "start_action_for_state", "complete_and_start_action"),
    *("delete_state", "get_facts", "__file__"),
}


@pytest.fixture
def verdict(load, ask):
    """What the rules, and one that allows, say of a change with these parameters."""
    made = {}

    def of(rule, **parameters):
        if rule not in made:
            made[rule] = load(ALLOW + rule)
        return ask(made[rule], parameters=parameters).verdict

    return of


def test_the_layer_above_the_c_interface_is_imported_nowhere():
    imported = {
        (path.name, name)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if name.partition(".")[0].startswith("durable")
    }
    assert imported == {("driver.py", "durable_rules_engine")}


def test_of_the_c_interface_only_what_loses_nothing_is_called():
    used = {
        node.attr
        for node in ast.walk(ast.parse(DRIVER.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "durable"
    }
    assert used == HARMLESS


@pytest.mark.parametrize("order", ["abc", "acb", "bac", "bca", "cab", "cba"])
def test_every_verdict_is_heard_in_whatever_order_the_rules_stand(load, ask, order):
    rules = {
        "a": ALLOW,
        "b": "- {rule: ask, when: {risk: {ge: 0}}, then: {needs_approval: {from: sre}}, because: Ask.}\n",
        "c": "- {rule: no, when: {risk: 30}, then: deny, because: Forbidden.}\n",
    }
    decision = ask(load("".join(rules[name] for name in order)))
    assert decision.verdict is Verdict.DENY
    assert decision.fired == {"web-01": ("ask", "no", "ok")}


def test_the_same_question_is_a_new_one_every_time(load, ask):
    made = load(ALLOW)
    assert {ask(made).verdict for _ in range(200)} == {Verdict.ALLOW}


def test_hundreds_of_rules_on_one_and_the_same_condition_all_fire(load, ask):
    rules = "".join(f"- {{rule: r{n}, when: {{risk: 30}}, then: allow, because: x}}\n" for n in range(600))
    made = load(rules + "- {rule: last, when: {risk: 30}, then: deny, because: Forbidden.}\n")
    assert len(ask(made).fired["web-01"]) == 601
    assert ask(made).verdict is Verdict.DENY
    assert ask(made, risk=31).fired == {"web-01": ()}


def test_a_session_is_dropped_without_touching_memory_that_was_never_written(load, ask):
    """With this setting of the C library what is free is never zero, so that a stray pointer kills the process."""
    made = load(ALLOW + "- {rule: no, when: {action: nothing}, then: deny, because: x}\n")
    made.close()
    made._evaluator.command = ("/usr/bin/env", "MALLOC_PERTURB_=165", *COMMAND)
    facts = dict(ask(made).facts["web-01"])
    child = made._evaluator.pid
    for number in range(11_000):  # two sessions are dropped
        risk = number % 100
        assert made._evaluator.fired(facts | {"risk": risk}) == ({"ok"} if risk <= 50 else set())
    assert made._evaluator.pid == child


@pytest.mark.parametrize(
    "parameters",
    [
        {"risk": 0, "environment": "dev", "action": "x"},  # named like facts
        {"sid": "other", "id": "i1", "zz": 0, "$s": 1},  # named like the engine's own
        {"params": {"_lfhafc": 0, "tp48bjb": "x"}, "_lfhafc": 0},  # with the hash of `risk`, and of `sid`
        {"target.env": "dev", "target": {"env": "prod"}},  # one attribute to the engine
        {"deep": reduce(lambda inner, _: {"k" * 300: inner}, range(250), 1)},
        {"wide": [0] * 200_000, "long": "x" * 9_000_000},
        {"k" * 1_000_000: 1},
    ],
    ids=["facts", "own", "hash", "dots", "deep", "large", "name"],
)
def test_parameters_never_get_to_the_engine(load, ask, parameters):
    made = load("- {rule: no, when: {risk: {gt: 50}}, then: deny, because: Forbidden.}\n" + ALLOW)
    child = made._evaluator.pid
    plain, given = (ask(made, risk=99, parameters=some) for some in ({}, parameters))
    assert given.verdict is Verdict.DENY
    assert (given.facts, given.fired) == (plain.facts, plain.fired)
    assert ask(made, risk=1, parameters=parameters).verdict is Verdict.ALLOW
    assert made._evaluator.pid == child


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        (".*(secret|token).*", "token.tf", True),
        (".*(DROP|TRUNCATE) .*", "DROP TABLE", True),
        (".*[^a]", "abd", True),
        ("[a-z]+", "safe; rm -rf /" + "x" * 3000, False),
        ("[a-z]+", "safe\n", False),
        ("a.b", "a\nb", False),
        (".*", "x" * 4096, True),
    ],
)
def test_patterns_are_never_the_engines(verdict, pattern, text, fits):
    rule = f"- {{rule: no, when: {{param.path: {{matches: '{pattern}'}}}}, then: deny, because: Forbidden.}}\n"
    assert verdict(rule, path=text) is (Verdict.DENY if fits else Verdict.ALLOW)


def test_a_text_that_is_too_long_for_a_pattern_is_a_deny(verdict):
    rule = "- {rule: no, when: {param.path: {matches: '[a-z]+'}}, then: deny, because: Forbidden.}\n"
    assert verdict(rule, path="a" * 65_540 + "; rm -rf /") is Verdict.DENY


@pytest.mark.parametrize(
    ("when", "given", "fits"),
    [
        ("{any: [{param.k: {has: secret}}, {param.v: 2}]}", {"k": ["secret"], "v": 1}, True),
        ("{any: [{param.k: {has: secret}}, {param.v: 2}]}", {"k": ["x"], "v": 2}, True),
        ("{any: [{param.k: {has: secret}}, {param.v: 2}]}", {"k": ["x"], "v": 1}, False),
        ("{param.k: {every: {glob: 'a*'}}}", {"k": []}, False),  # of nothing, nothing is said
        ("{param.k: {every: {glob: 'a*'}}}", {"k": ["ab", "b"]}, False),
        ("{not: {param.k: {has: {ne: a}}}}", {"k": ["a", "a"]}, True),
    ],
)
def test_lists_are_never_the_engines(verdict, when, given, fits):
    rule = f"- {{rule: no, when: {when}, then: deny, because: Forbidden.}}\n"
    assert verdict(rule, **given) is (Verdict.DENY if fits else Verdict.ALLOW)
