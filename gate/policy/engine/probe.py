"""Facts that try each rule from both sides of each of its edges. The engine must agree with the reference on them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from gate.policy.language.reference import holds
from gate.policy.language.rule import All, AnyOf, Condition, Facts, Leaf, Not, leaves
from gate.policy.language.vocabulary import Fact, Value
from gate.policy.rules.rulebook import Rulebook

MOST = 1000  # each is answered by every rule, twice


def probes(book: Rulebook) -> Iterator[Facts]:
    """At most `MOST` sets of facts: for each rule one that should match, then others beside each of its values."""
    start = {fact.name: _first(fact) for fact in book.facts}
    hits = []
    for rule in book.rules.values():
        hit = dict(start)
        _aim(rule.when, hit, wanted=True)
        hits.append((rule, hit))
    beside = ({**hit, leaf.fact: value} for rule, hit in hits for leaf in leaves(rule.when) for value in _around(leaf))
    return islice(chain([start], (hit for _, hit in hits), beside), MOST)


def _aim(condition: Condition, facts: dict[str, Value], *, wanted: bool) -> None:
    """Changes `facts` so that the condition comes out as wanted, as far as its parts do not contradict each other."""
    match condition:
        case Not(inner):
            _aim(inner, facts, wanted=not wanted)
        case All(of) | AnyOf(of):
            for inner in of if isinstance(condition, All) == wanted else of[:1]:
                _aim(inner, facts, wanted=wanted)
        case Leaf(fact=fact):
            fitting = [value for value in _around(condition) if holds(condition, {fact: value}) == wanted]
            facts[fact] = next(iter(fitting), facts[fact])


def _around(leaf: Leaf) -> list[Value]:
    found: list[Value] = []
    for value in leaf.value if isinstance(leaf.value, tuple) else (leaf.value,):
        found += [value, value - 1, value + 1] if isinstance(value, int) else [value, f"{value[:500]}~"]
    return found


def _first(fact: Fact) -> Value:
    if fact.kind is int:
        return 0
    return fact.values[0] if fact.values else "none"
