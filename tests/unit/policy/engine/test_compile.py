"""Compiling: only what the engine does right is written, and it means the same as the rule."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.policy.engine.compile import MAX_MATCHES, compile_rules, engine_name, refuse_collisions
from gate.policy.engine.probe import probes
from gate.policy.language.normal import matches, push_not, ways
from gate.policy.language.reference import fired, holds
from gate.policy.language.rule import All, AnyOf, Leaf, Not
from gate.policy.language.vocabulary import plain
from gate.values.errors import PolicyError

SAFE = {"$and", "$or", "$neq", "$lt", "$lte", "$gt", "$gte"}
_numbers = st.builds(
    Leaf, fact=st.sampled_from("ab"), op=st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]), value=st.integers(0, 3)
)
_sets = st.builds(
    Leaf,
    fact=st.sampled_from("ab"),
    op=st.sampled_from(["in", "not_in"]),
    value=st.sampled_from([(0,), (1, 2), (3, 0)]),
)
conditions = st.recursive(
    _numbers | _sets,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda of: All(tuple(of))),
        st.lists(inner, min_size=1, max_size=3).map(lambda of: AnyOf(tuple(of))),
        inner.map(Not),
    ),
    max_leaves=12,
)


@given(conditions)
def test_pushing_not_inward_changes_no_answer(condition):
    pushed = push_not(condition)
    assert "Not" not in repr(pushed)
    for a, b in itertools.product(range(-1, 5), repeat=2):
        assert holds(pushed, {"a": a, "b": b}) == holds(condition, {"a": a, "b": b})


def test_nothing_is_written_but_and_or_and_comparisons(book):
    compiled = compile_rules(book(EVERYTHING))
    written = set()

    def walk(node):
        if isinstance(node, dict):
            assert len(node) == 1  # the engine ignores a second key
            written.update(key for key in node if key.startswith("$"))
        for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            walk(inner)

    for shard in compiled.shards:
        for expression in shard.values():
            walk(expression)
    assert written == SAFE


EVERYTHING = """
- rule: everything
  when:
    all:
      - {not: {all: [{action: {in: [a, b]}}, {risk: {lt: 5}}, {risk: {le: 6}}]}}
      - {any: [{risk: {gt: 7}}, {risk: {ge: 8}}, {target: {not_in: [x, y]}}, {not: {any: [{risk: {gt: 7}}]}}]}
      - {not: {not: {risk: {lt: 900}}}}
      - {any: [{environment: {in: [p, q]}}]}
  then: deny
  because: Everything at once.
"""


def test_more_rules_than_the_engine_can_match_at_once_are_spread_over_shards(book):
    text = "".join(f"- {{rule: r{n}, when: {{risk: {{ge: 0}}}}, then: deny, because: x}}\n" for n in range(200))
    compiled = compile_rules(book(text))
    assert [len(shard) for shard in compiled.shards] == [48, 48, 48, 48, 8]
    assert sorted(compiled.ids.values()) == sorted(f"r{n}" for n in range(200))


def test_a_rule_that_can_be_true_in_too_many_ways_is_refused_with_its_place(book):
    ways = ", ".join(f"{{risk: {{ge: {n}}}}}" for n in range(MAX_MATCHES + 1))
    with pytest.raises(PolicyError, match=r"rules\.yml:1: .* 49 ways"):
        compile_rules(book(f"- {{rule: one, when: {{any: [{ways}]}}, then: deny, because: x}}\n"))


@pytest.mark.slow
def test_rules_that_cannot_match_together_share_a_shard(book):
    def shards(text):
        return [len(shard) for shard in compile_rules(book(text)).shards]

    one = "- {{rule: r{0}, when: {{all: [{{risk: {{ge: {1}}}}}, {{action: {{in: [a{2}, b{2}]}}}}]}}, "
    one += "then: deny, because: x}}\n"
    assert shards("".join(one.format(n, n % 50, n % 50) for n in range(1000))) == [1000]  # 20 of each
    assert shards("".join(one.format(n, n % 50, n % 10) for n in range(1000))) == [480, 480, 40]  # 100 of each


@given(conditions)
def test_the_ways_of_a_condition_are_the_condition(condition):
    pushed = push_not(condition)
    if matches(pushed) <= MAX_MATCHES:
        rows = [All(way) for way in ways(pushed)]
        assert len(rows) == matches(pushed)
        for a, b in itertools.product(range(-1, 5), repeat=2):
            assert any(holds(row, {"a": a, "b": b}) for row in rows) == holds(condition, {"a": a, "b": b})


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("{risk: {in: [" + ", ".join(map(str, range(401))) + "]}}", "0 lists|1 lists, and 401 values"),
        (
            "{all: [" + ", ".join(f"{{action: {{in: [a{n}, b{n}]}}}}" for n in range(13)) + "]}",
            "13 lists, and 26 values",
        ),
    ],
)
def test_more_than_the_engine_reads_reliably_is_refused_with_its_place(book, condition, says):
    with pytest.raises(PolicyError, match=rf"rules\.yml:1: .* compares with {says}"):
        compile_rules(book(f"- {{rule: one, when: {condition}, then: deny, because: x}}\n"))


def test_the_values_of_one_list_are_one_way_however_many_they_are():
    leaf = Leaf(fact="a", op="in", value=tuple(range(400)))
    assert matches(leaf) == 1
    assert matches(AnyOf((leaf, leaf))) == 2
    assert matches(All((AnyOf((leaf, leaf)), AnyOf((leaf, leaf))))) == 4


def test_names_that_are_one_to_the_engine_are_refused(book):
    two = "- {rule: one, when: {all: [{group.ONE: yes}, {group.TWO: yes}]}, then: deny, because: x}\n"
    with pytest.raises(PolicyError, match="are one to the engine"):  # the same name
        compile_rules(book(two.replace("ONE", "web-1").replace("TWO", "web_1")))
    with pytest.raises(PolicyError, match="are one to the engine"):  # other names, the same hash
        compile_rules(book(two.replace("ONE", "mikxw").replace("TWO", "wjtra")))
    compile_rules(book(two.replace("ONE", "web").replace("TWO", "db")))


@pytest.mark.parametrize("taken", ["id", "sid", "zz"])
def test_the_engines_own_names_are_refused(taken):
    with pytest.raises(PolicyError, match="are one to the engine"):
        refuse_collisions({"some fact": taken})


@pytest.mark.slow
def test_too_many_rules_or_facts_are_refused(book):
    rules = "".join(f"- {{rule: r{n}, when: {{group.g{n}: yes}}, then: deny, because: x}}\n" for n in range(2001))
    with pytest.raises(PolicyError, match="2001 facts that rules ask for"):
        compile_rules(book(rules))


def test_a_dotted_fact_has_a_plain_name_in_the_engine():
    assert engine_name("window.change-freeze") == "window_change_freeze"


@given(st.text(), st.text())
def test_texts_are_equal_to_the_engine_only_if_they_are_equal(one, other):
    assert (plain(one) == plain(other)) == (one == other)


@given(st.text())
def test_what_the_engine_sees_is_short_plain_ascii(text):
    seen = plain(text)
    assert len(seen) <= 512
    assert seen.isascii()
    assert not set('"\\') & set(seen)
    assert seen.isprintable()


def test_a_text_cannot_pose_as_the_digest_of_another():
    assert plain(plain("böse")) != plain("böse")


def test_probes_hit_every_rule_that_can_be_hit(book):
    made = book(EVERYTHING + "- {rule: other, when: {all: [{risk: 7}, {undo: no}]}, then: allow, because: x}\n")
    hit = set().union(*(fired(made.rules.values(), facts) for facts in probes(made)))
    assert hit == {"everything", "other"}
