"""The rules once more, in plain Python: what the engine's answers are compared with on every decision.

It walks the rules as they were written, not as they were compiled, so that a fault of the compiler shows too.
It can only make the gate stricter: where the two differ, the answer is deny. It shares nothing with the compiler.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable

from gate.policy.language.rule import All, AnyOf, Condition, Facts, Leaf, Rule
from gate.policy.language.vocabulary import Value

_COMPARE: dict[str, Callable[[Value, Value], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


class Reference:
    """The rules of one generation, ordered so that a fact's value leads to those that could hold of it."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        given = tuple(rules)
        self._pins: dict[str, dict[Value, list[Rule]]] = {}
        self._others: list[Rule] = []
        wanted = {rule.id: _wanted(rule.when) for rule in given}
        variety: dict[str, set[Value]] = {}
        for pins in wanted.values():
            for fact, values in pins.items():
                variety.setdefault(fact, set()).update(values)
        for rule in given:
            pins = wanted[rule.id]
            if not pins:
                self._others.append(rule)
                continue
            fact = max(pins, key=lambda name: len(variety[name]))
            for value in pins[fact]:
                self._pins.setdefault(fact, {}).setdefault(value, []).append(rule)

    def fired(self, facts: Facts) -> frozenset[str]:
        """The ids of the rules whose condition holds; raises as the function does."""
        found = {rule.id for rule in self._others if holds(rule.when, facts)}
        for fact, by_value in self._pins.items():
            actual = facts[fact]
            if type(actual) is not type(next(iter(by_value))):
                raise TypeError(f"{fact} is a {type(actual).__name__}")
            found.update(rule.id for rule in by_value.get(actual, ()) if holds(rule.when, facts))
        return frozenset(found)


def fired(rules: Iterable[Rule], facts: Facts) -> frozenset[str]:
    """The ids of the rules whose condition holds.

    Raises:
        KeyError: a fact is missing.
        TypeError: a fact is of another type than the rule compares it with.
    """
    return frozenset(rule.id for rule in rules if holds(rule.when, facts))


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether the condition is true of the facts; raises as `fired` does."""
    if isinstance(condition, Leaf):
        return _compare(condition, facts[condition.fact])
    if isinstance(condition, All):
        return all(holds(inner, facts) for inner in condition.of)
    if isinstance(condition, AnyOf):
        return any(holds(inner, facts) for inner in condition.of)
    return not holds(condition.of, facts)


def _wanted(condition: Condition) -> dict[str, tuple[Value, ...]]:
    """For each fact that has to have one of some values before the condition can hold, those values."""
    match condition:
        case Leaf(op="eq", value=str() | int() as value):
            return {condition.fact: (value,)}
        case Leaf(op="in", value=tuple() as values):
            return {condition.fact: tuple(dict.fromkeys(values))}
        case All(of):
            return {fact: values for inner in of for fact, values in _wanted(inner).items()}
        case _:
            return {}


def _compare(leaf: Leaf, actual: Value) -> bool:
    wanted = leaf.value
    if isinstance(wanted, tuple):
        _refuse_other_type(leaf, wanted[0], actual)
        return (actual in wanted) == (leaf.op == "in")
    _refuse_other_type(leaf, wanted, actual)
    return _COMPARE[leaf.op](actual, wanted)


def _refuse_other_type(leaf: Leaf, wanted: Value, actual: Value) -> None:
    if type(wanted) is not type(actual):
        raise TypeError(f"{leaf.fact} is a {type(actual).__name__}")
