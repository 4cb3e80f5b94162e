"""The rules once more, in plain Python: what the engine's answers are compared with on every decision.

It walks the rules as they were written, not as they were compiled, so that a fault of the compiler shows too.
It can only make the gate stricter: where the two differ, the answer is deny.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable

from gate.policy.rule import All, AnyOf, Condition, Facts, Leaf, Rule
from gate.policy.vocabulary import Value

_COMPARE: dict[str, Callable[[Value, Value], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


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
