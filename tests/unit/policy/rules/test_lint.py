"""Rules that could never do what they say are found, with the place and the reason; others are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.policy.language.predicate import Parameter
from gate.policy.language.reference import holds
from gate.policy.language.rule import All, AnyOf, Leaf, Not
from gate.policy.language.vocabulary import Fact
from gate.policy.rules.boxes import boxes, empty_fact
from gate.policy.rules.lint import lint, refuse_silent
from gate.values.errors import PolicyError

PARAMETERS = {
    "edit": {
        "path": Parameter(kind="str"),
        "format": Parameter(kind="str", choices=("ini", "env")),
        "wait": Parameter(kind="int", low=1, high=300),
        "names": Parameter(kind="list", elements="str"),
        "force": Parameter(kind="bool"),
    },
    "other": {"wait": Parameter(kind="str")},
}


def found(book, *whens, then="deny"):
    text = "".join(
        f"- {{rule: r{number}, when: {when}, then: {then}, because: x}}\n" for number, when in enumerate(whens)
    )
    return [(one.severity, one.rule, one.what + one.why + one.fix) for one in lint(book(text), PARAMETERS)]


@pytest.mark.parametrize(
    ("when", "fact"),
    [
        ("{all: [{risk: {lt: 10}}, {risk: {gt: 20}}]}", "risk"),
        ("{all: [{risk: {gt: 9}}, {risk: {lt: 10}}]}", "risk"),
        ("{all: [{environment: prod}, {environment: dev}]}", "environment"),
        ("{all: [{environment: prod}, {not: {environment: {in: [prod, dev]}}}]}", "environment"),
        ("{all: [{environment: {in: [a, b]}}, {environment: {not_in: [b, a, c]}}]}", "environment"),
        ("{risk: {gt: 100}}", "risk"),
        ("{risk: {lt: 0}}", "risk"),
        ("{risk: 101}", "risk"),
        ("{not: {risk: {ge: 0}}}", "risk"),
        ("{actor_kind: {not_in: [human, agent, schedule]}}", "actor_kind"),
        ("{all: [{undo: yes}, {any: [{undo: no}, {risk: 101}]}]}", "undo"),
        ("{all: [{param.path: a}, {param.path: b}]}", "param.path"),
        ("{all: [{param.wait: {gt: 5}}, {param.wait: {lt: 5}}]}", "param.wait"),
        ("{all: [{param.path: a}, {param.path: {absent: yes}}]}", "absent"),
        ("{all: [{group.web: yes}, {group.web: no}]}", "group.web"),
    ],
)
def test_a_rule_that_can_never_match_is_refused_with_its_place(book, when, fact):
    text = f"- {{rule: it, when: {when}, then: deny, because: x}}\n"
    with pytest.raises(PolicyError, match=r"rules\.yml:1: The rule 'it' can never match") as refused:
        refuse_silent(book(text))
    assert fact in refused.value.why


@pytest.mark.parametrize(
    "when",
    [
        "{all: [{risk: {gt: 9}}, {risk: {lt: 11}}]}",
        "{risk: {ge: 0}}",
        "{any: [{environment: prod}, {environment: dev}]}",
        "{all: [{param.ratio: {gt: 5}}, {param.ratio: {lt: 6}}]}",
        "{all: [{target: {glob: 'a*'}}, {target: {glob: 'b*'}}]}",
        "{all: [{groups: {has: a}}, {groups: {has: b}}]}",
        "{all: [{param.path: {ne: a}}, {param.path: {ne: b}}]}",
        "{all: [{group.web: yes}, {group.db: no}]}",
    ],
)
def test_a_rule_that_can_match_is_not_refused(book, when):
    refuse_silent(book(f"- {{rule: it, when: {when}, then: deny, because: x}}\n"))


def test_a_way_that_cannot_be_is_a_warning(book):
    assert [(one[0], one[1]) for one in found(book, "{any: [{risk: 5}, {risk: 101}]}")] == [("warning", "r0")]


def test_a_rule_that_a_stronger_one_always_beats_is_a_warning(book):
    made = book(
        "- {rule: wide, when: {all: [{environment: prod}, {risk: {ge: 10}}]}, then: deny, because: x}\n"
        "- {rule: narrow, when: {all: [{environment: prod}, {risk: {in: [20, 30]}}]}, then: allow, because: x}\n"
        "- {rule: wider, when: {environment: prod}, then: allow, because: x}\n"
        "- {rule: elsewhere, when: {all: [{environment: dev}, {risk: 20}]}, then: allow, because: x}\n"
    )
    assert [(one.severity, one.rule) for one in lint(made)] == [("warning", "narrow")]
    assert "'wide'" in lint(made)[0].why


def test_a_shadow_beats_nothing(book):
    made = book(
        "- {rule: wide, when: {risk: {ge: 0}}, then: deny, mode: shadow, because: x}\n"
        "- {rule: narrow, when: {risk: 5}, then: allow, because: x}\n"
    )
    assert lint(made) == []


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("{param.pth: a}", "Write param.path."),
        ("{param.edit.nothing: a}", "No action has the parameter"),
        ("{param.nowhere.path: a}", "No action has the parameter"),
        ("{param.wait: {gt: 5}}", "param.ACTION.wait"),  # of `other` it is text
        ("{param.edit.wait: '5'}", "is a number, and '5' is none"),
        ("{param.edit.wait: {glob: a}}", "patterns are for text"),
        ("{param.edit.wait: 301}", "between 1 and 300"),
        ("{param.edit.wait: {gt: 300}}", "between 1 and 300"),
        ("{param.format: toml}", "one of ini, env"),
        ("{param.format: {in: [ini, toml]}}", "one of ini, env"),
        ("{param.path: {has: a}}", "has is for lists"),
        ("{param.names: a}", "is a list"),
        ("{param.names: {has: 5}}", "is a text, and 5 is none"),
        ("{param.force: maybe}", "never 'maybe'"),
        ("{param.force: {gt: 5}}", "order is one of numbers"),
    ],
)
def test_a_parameter_that_the_catalog_knows_otherwise_is_an_error(book, when, says):
    ((severity, _, text),) = found(book, when)
    assert severity == "error"
    assert says in text


@pytest.mark.parametrize(
    "when",
    [
        "{param.path: {glob: '/etc/*'}}",
        "{param.edit.wait: {gt: 299}}",
        "{param.wait: {absent: yes}}",
        "{param.names: {has: {glob: 'a*'}}}",
        "{param.names: {count: {ge: 3}}}",
        "{param.force: yes}",
        "{param.format: {ne: ini}}",
    ],
)
def test_a_parameter_as_the_catalog_knows_it_is_fine(book, when):
    assert found(book, when) == []


FACTS = {
    "n": Fact(name="n", kind=int, meaning="", low=0, high=5),
    "t": Fact(name="t", kind=str, meaning="", values=("a", "b", "c")),
}
NUMBERS = st.builds(
    lambda op, value: Leaf(fact="n", op=op, value=value),
    st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]),
    st.integers(-1, 6),
)
TEXTS = st.builds(
    lambda op, value: Leaf(fact="t", op=op, value=value), st.sampled_from(["eq", "ne"]), st.sampled_from("abc")
)
CONDITIONS = st.recursive(
    st.one_of(NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda of: All(tuple(of))),
        st.lists(inner, min_size=1, max_size=3).map(lambda of: AnyOf(tuple(of))),
        inner.map(Not),
    ),
    max_leaves=6,
)


@given(CONDITIONS)
def test_a_condition_is_called_impossible_exactly_if_no_facts_fulfil_it(condition):
    possible = any(holds(condition, {"n": n, "t": t}) for n in range(6) for t in "abc")
    assert any(not empty_fact(box) for box in boxes(condition, FACTS)) == possible
