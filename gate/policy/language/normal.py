"""Conditions without `not`, and the ways in which one can be true. Pure."""

from __future__ import annotations

from itertools import chain, product
from math import prod

from gate.policy.language.rule import All, AnyOf, Condition, Leaf, Not, Op

_NEGATED: dict[str, Op] = {
    "eq": "ne",
    "ne": "eq",
    "lt": "ge",
    "ge": "lt",
    "le": "gt",
    "gt": "le",
    "in": "not_in",
    "not_in": "in",
}


def push_not(condition: Condition, *, negate: bool = False) -> Condition:
    """The same condition without `not`, by De Morgan."""
    match condition:
        case Not(inner):
            return push_not(inner, negate=not negate)
        case Leaf():
            op = _NEGATED[condition.op] if negate else condition.op
            return Leaf(fact=condition.fact, op=op, value=condition.value, asks=condition.asks)
        case All(of) | AnyOf(of):
            inside = tuple(push_not(inner, negate=negate) for inner in of)
            return All(inside) if isinstance(condition, All) != negate else AnyOf(inside)


def matches(condition: Condition) -> int:
    """In how many ways a condition without `not` can be true at once; the values of one list are one way."""
    match condition:
        case All(of):
            return prod(matches(inner) for inner in of)
        case AnyOf(of):
            return sum(matches(inner) for inner in of)
        case _:
            return 1


def ways(condition: Condition) -> list[tuple[Leaf, ...]]:
    """The ways themselves: each is comparisons that all have to hold. There are as many as `matches` says."""
    match condition:
        case Leaf():
            return [(condition,)]
        case AnyOf(of):
            return [way for inner in of for way in ways(inner)]
        case All(of):
            return [tuple(dict.fromkeys(chain(*parts))) for parts in product(*(ways(inner) for inner in of))]
    raise TypeError(f"{condition!r} should have been compiled away")
