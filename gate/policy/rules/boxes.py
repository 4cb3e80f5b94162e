"""What a condition leaves possible: for each way in which it can be true, the values that each fact can then have.

Exact for comparisons of facts. Of predicates only what is certain is used: two that contradict each other are found,
but two patterns are never taken for the same. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product

from gate.policy.language.normal import matches, push_not
from gate.policy.language.predicate import ORDER, Predicate
from gate.policy.language.rule import All, AnyOf, Condition, Leaf
from gate.policy.language.vocabulary import LARGEST, Fact, Value


@dataclass(frozen=True, slots=True)
class Texts:
    """These texts, or all but these."""

    named: frozenset[str]
    all_but: bool = False

    def __and__(self, other: Texts) -> Texts:
        if self.all_but and other.all_but:
            return Texts(self.named | other.named, all_but=True)
        if self.all_but:
            return Texts(other.named - self.named)
        return Texts(self.named - other.named if other.all_but else self.named & other.named)

    def __le__(self, other: Texts) -> bool:
        return (self & other) == self

    def __bool__(self) -> bool:
        return self.all_but or bool(self.named)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The whole numbers in these ranges, which are in order and do not touch."""

    ranges: tuple[tuple[int, int], ...]

    def __and__(self, other: Numbers) -> Numbers:
        both = [(max(a, c), min(b, d)) for a, b in self.ranges for c, d in other.ranges]
        return Numbers(tuple(sorted((low, high) for low, high in both if low <= high)))

    def __le__(self, other: Numbers) -> bool:
        return all(any(c <= a and b <= d for c, d in other.ranges) for a, b in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)


Values = Texts | Numbers
Box = Mapping[str, Values]
_END = 2 * LARGEST + 1
_MOST_WAYS = 500


def boxes(condition: Condition, facts: Mapping[str, Fact]) -> list[Box]:
    """One box for each way in which the condition can be true. A fact that is not in a box can have any value."""
    return [_box(leaves, facts) for leaves in _ways(push_not(condition))]


def empty_fact(box: Box) -> str:
    """The fact for which nothing is left; empty if the box is possible."""
    return next((name for name, values in box.items() if not values), "")


def within(inner: Box, outer: Box, facts: Mapping[str, Fact]) -> bool:
    """Whether whatever is in the one box is in the other one, too."""
    for name, values in outer.items():
        mine = inner.get(name)
        domain = _domain(facts[name]) if name in facts else None
        if mine is None and domain is None:
            return False
        if not _inside(mine or domain, values):
            return False
    return True


def _inside(one: Values | None, other: Values) -> bool:
    if isinstance(one, Texts) and isinstance(other, Texts):
        return one <= other
    return isinstance(one, Numbers) and isinstance(other, Numbers) and one <= other


def _ways(condition: Condition) -> Iterator[tuple[Leaf, ...]]:
    match condition:
        case Leaf():
            yield (condition,)
        case AnyOf(of):
            for inner in of:
                yield from _ways(inner)
        case All(of):
            for parts in product(*(tuple(_ways(inner)) for inner in of)):
                yield tuple(leaf for part in parts for leaf in part)


def _box(leaves: tuple[Leaf, ...], facts: Mapping[str, Fact]) -> Box:
    found: dict[str, Values] = {}
    for leaf in leaves:
        fact = facts[leaf.fact]
        _narrow(found, leaf.fact, _domain(fact))
        _narrow(found, leaf.fact, _values(leaf.op, leaf.value))
        if leaf.asks is not None and leaf.op == "eq" and leaf.value == "yes":
            _narrow_by_question(found, leaf.asks)
    return found


def _narrow(box: dict[str, Values], name: str, values: Values) -> None:
    old = box.get(name, values)
    box[name] = old & values  # type: ignore[operator]  # a fact has one kind of values


def _narrow_by_question(box: dict[str, Values], asked: Predicate) -> None:
    if asked.subject in ("groups", "tags"):
        return
    test = asked.test
    there = test.value if test.op == "absent" else "no"
    _narrow(box, f"{asked.subject} (whether it is absent)", Texts(frozenset({str(there)})))
    if test.op in ("eq", "in", *ORDER) and isinstance(test.value, str | int | tuple):
        values = _values(test.op, test.value, scale=2)  # a parameter may be 5.5, so there is room between 5 and 6
        _narrow(box, f"{asked.subject} ({'text' if isinstance(values, Texts) else 'number'})", values)


def _values(op: str, value: Value | tuple[Value, ...], scale: int = 1) -> Values:
    many = value if isinstance(value, tuple) else (value,)
    if isinstance(many[0], str):
        return Texts(frozenset(str(one) for one in many), all_but=op in ("ne", "not_in"))
    if op in ORDER:
        return Numbers((_side(op, scale * int(many[0])),))
    points = sorted(scale * int(one) for one in many)
    if op in ("eq", "in"):
        return Numbers(tuple((point, point) for point in points))
    edges = [-_END - 1, *points, _END + 1]
    between = ((low + 1, high - 1) for low, high in pairwise(edges))
    return Numbers(tuple((low, high) for low, high in between if low <= high))


def _side(op: str, value: int) -> tuple[int, int]:
    return {
        "lt": (-_END, value - 1),
        "le": (-_END, value),
        "gt": (value + 1, _END),
        "ge": (value, _END),
    }[op]


def _domain(fact: Fact) -> Values:
    if fact.kind is str:
        return Texts(frozenset(fact.values)) if fact.values else Texts(frozenset(), all_but=True)
    low = -LARGEST if fact.low is None else fact.low
    high = LARGEST if fact.high is None else fact.high
    return Numbers(((low, high),))


def same(one: Condition, other: Condition, facts: Mapping[str, Fact]) -> bool:
    """Whether two conditions are surely true of the same facts; their ways are compared one by one."""
    if max(matches(push_not(one)), matches(push_not(other))) > _MOST_WAYS:
        return False
    ones = [box for box in boxes(one, facts) if not empty_fact(box)]
    others = [box for box in boxes(other, facts) if not empty_fact(box)]
    return _covered(ones, others, facts) and _covered(others, ones, facts)


def _covered(ones: list[Box], others: list[Box], facts: Mapping[str, Fact]) -> bool:
    return all(any(within(box, other, facts) for other in others) for box in ones)
