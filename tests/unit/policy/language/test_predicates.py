"""Parameters, lists and patterns in rules: computed before the engine, recorded, never guessed."""

import dataclasses
from datetime import UTC, datetime

import pytest

from gate.policy.facts import situation
from gate.policy.language.normal import push_not
from gate.policy.language.reference import fired
from gate.policy.language.rule import condition_json
from gate.policy.question import History, Host, Question
from gate.policy.tools.explain import unmet
from gate.values.actor import Actor
from gate.values.errors import PolicyError

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOST = Host(name="web-01", groups=frozenset({"web", "db-old"}), environment="prod", tags=frozenset({"pci"}))
QUESTION = Question(
    action="edit",
    risk=30,
    reversibility="full",
    check="full",
    certified=False,
    actor=Actor.parse("agent:planner"),
    hosts=(HOST,),
    parameters={
        "path": "/etc/app/app.ini",
        "wait": 30,
        "ratio": 0.5,
        "force": True,
        "names": ["a", "b"],
        "sizes": [1, 20],
        "none": [],
        "left": None,
        "more": {"a": 1},
    },
)


def rule(when):
    return f"- {{rule: it, when: {when}, then: deny, because: A rule.}}\n"


def holds(book, when, question=QUESTION):
    made = book(rule(when))
    facts = situation(made, question, History(), NOON).facts["web-01"]
    return fired(made.rules.values(), facts) == {"it"}


@pytest.mark.parametrize(
    "when",
    [
        "{param.path: /etc/app/app.ini}",
        "{param.path: {ne: /etc/passwd}}",
        '{param.path: {glob: "/etc/app/*"}}',
        '{param.path: {matches: "/etc/[a-z/.]+"}}',
        "{param.path: {in: [/etc/app/app.ini, x]}}",
        "{param.path: {not_in: [x, y]}}",
        "{param.edit.path: {ne: x}}",
        "{param.wait: 30}",
        "{param.wait: {ge: 30}}",
        "{param.wait: {lt: 31}}",
        "{param.ratio: {lt: 1}}",
        "{param.force: yes}",
        "{param.force: true}",
        "{param.names: {has: a}}",
        '{param.names: {has: {glob: "[b]"}}}',
        "{param.names: {every: {in: [a, b, c]}}}",
        "{param.names: {count: 2}}",
        "{param.names: {count: {ge: 2}}}",
        "{param.sizes: {has: {gt: 10}}}",
        "{param.none: {count: 0}}",
        "{param.path: {absent: no}}",
        "{param.nowhere: {absent: yes}}",
        "{param.left: {absent: yes}}",
        "{param.other.path: {absent: yes}}",
        '{target: {glob: "web-*"}}',
        '{actor: {matches: "agent:.*"}}',
        '{action: {glob: "e*"}}',
        '{environment: {glob: "pro?"}}',
        '{groups: {has: {glob: "db-*"}}}',
        "{groups: {count: 2}}",
        "{groups: {has: web}}",
        "{tags: {has: pci}}",
        "{tag.pci: yes}",
        "{tag.other: no}",
        "{group.web: yes}",
    ],
)
def test_what_is_so_is_found(book, when):
    assert holds(book, when)
    assert not holds(book, f"{{not: {when}}}")


@pytest.mark.parametrize(
    "when",
    [
        "{param.path: /etc/app}",
        '{param.path: {glob: "/etc/*"}}',
        "{param.wait: {gt: 30}}",
        "{param.force: no}",
        "{param.names: {has: c}}",
        "{param.names: {every: a}}",
        "{param.names: {count: {gt: 2}}}",
        "{param.none: {every: a}}",
        "{param.path: {absent: yes}}",
        "{param.more: {absent: yes}}",
        "{groups: {has: we}}",
        "{tags: {has: {glob: p}}}",
    ],
)
def test_what_is_not_so_is_not(book, when):
    assert not holds(book, when)


@pytest.mark.parametrize("op", ["eq: x", "ne: x", "in: [x]", "not_in: [x]", "glob: '*'", "matches: '.*'", "has: x"])
def test_of_a_parameter_that_is_not_there_everything_is_no(book, op):
    assert not holds(book, f"{{param.nowhere: {{{op}}}}}")
    assert not holds(book, f"{{param.other.path: {{{op}}}}}")


@pytest.mark.parametrize(
    "when",
    [
        "{param.wait: '30'}",
        "{param.path: 5}",
        "{param.path: {gt: 5}}",
        "{param.wait: {glob: '*'}}",
        "{param.names: a}",
        "{param.path: {has: a}}",
        "{param.force: {gt: 0}}",
        "{param.force: maybe}",
        "{param.more: x}",
        "{param.sizes: {has: a}}",
    ],
)
def test_a_parameter_of_another_type_is_an_error_and_so_a_deny(book, when):
    with pytest.raises(ValueError, match=r"a rule asks whether param\."):
        holds(book, when)


@pytest.mark.parametrize("when", ["{tag.pci: no}", "{tags: {has: pci}}", "{not: {tags: {count: 1}}}"])
def test_tags_that_nobody_knows_are_an_error_and_not_none(book, when):
    unknown = dataclasses.replace(QUESTION, hosts=(dataclasses.replace(HOST, tags=None),))
    with pytest.raises(ValueError, match="tags of web-01 are not known"):
        holds(book, when, unknown)


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("{param.: x}", "names no parameter"),
        ("{param.a.b.c: x}", "names no parameter"),
        ("{param.x: {globb: x}}", "no comparison 'globb'"),
        ("{param.x: {glob: a, eq: b}}", "compared 2 times"),
        ("{param.x: {}}", "compared 0 times"),
        ("{param.x: [a]}", "compared with a list"),
        ("{param.x: {in: []}}", "empty"),
        ("{param.x: {in: [a, 1]}}", "text and numbers"),
        ("{param.x: {in: a}}", "is text"),
        ("{param.x: {gt: a}}", "compares with text"),
        ("{param.x: {count: a}}", "compares with text"),
        ("{param.x: {count: {glob: a}}}", "no comparison 'glob'"),
        ("{param.x: {absent: maybe}}", "'maybe'"),
        ("{param.x: {matches: '(a'}}", "cannot be matched"),
        ("{param.x: {matches: 5}}", "a number"),
        ("{groups: web}", "one value"),
        ("{groups: {has: 5}}", "compared with a number"),
        ("{groups: {has: {gt: 5}}}", "no comparison 'gt'"),
        ("{groups: {absent: yes}}", "no comparison 'absent'"),
        ("{actor_kind: {glob: a}}", "no comparison 'glob'"),
        ("{risk: {glob: a}}", "no comparison 'glob'"),
        ("{target: {glob: a, ne: b}}", "compared 2 times"),
    ],
)
def test_a_question_that_could_be_misread_is_refused_with_its_place(book, when, says):
    with pytest.raises(PolicyError, match=r"rules\.yml:1: ") as refused:
        book(rule(when))
    assert says in refused.value.what


def test_the_same_question_is_one_fact_whoever_asks(book):
    twice = book(rule('{any: [{target: {glob: "a*"}}, {not: {target: {glob: "a*"}}}]}'))
    again = book(rule('{target: {glob: "a*"}}'))
    assert [asked.name for asked in twice.asked] == [asked.name for asked in again.asked]
    assert {fact.name for fact in again.facts if fact.name.startswith("is.")} == {again.asked[0].name}


@pytest.mark.parametrize("other", ['{glob: "a"}', '{glob: "a*", }', "{matches: a*}"])
def test_other_questions_are_other_facts(book, other):
    names = {book(rule(f"{{target: {test}}}")).asked[0].name for test in ('{glob: "a**"}', other)}
    assert len(names) == 2


def test_a_question_keeps_its_words(book):
    made = book(rule('{not: {param.path: {glob: "/etc/**"}}}')).rules["it"]
    assert condition_json(made.when) == {"not": {"param.path": {"glob": "/etc/**"}}}
    asked = push_not(made.when)
    assert unmet(asked, {asked.fact: "yes"}) == ["not (param.path fits /etc/**)"]
