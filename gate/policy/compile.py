"""Rules become what the engine reads: only `$and`, `$or` and comparisons of a fact with a constant.

Everything else that the engine knows is never written, because parts of it fail open. `not` is pushed inward, and the
rules are spread over shards so small that the engine's limit of 64 matching nodes cannot be reached.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

from gate.policy.rule import All, AnyOf, Condition, Facts, Leaf, Not, Op, Rule
from gate.policy.rulebook import Rulebook
from gate.policy.vocabulary import Value
from gate.values.errors import PolicyError

MAX_RULES = 4000
MAX_FACTS = 200
MAX_MATCHES = 48  # of a shard; the engine gives up on a fact at 64
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
_ENGINE = {"ne": "$neq", "lt": "$lt", "le": "$lte", "gt": "$gt", "ge": "$gte"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_TAKEN = ("id", "sid", "zz", "$s", "$pulse")  # the engine's own attributes and our mark of a fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """`names` maps a fact to its engine name, `kinds` an engine name to int or str, `ids` an engine id to a rule."""

    names: Mapping[str, str]
    kinds: Mapping[str, str]
    ids: Mapping[str, str]
    shards: tuple[Mapping[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        """What the child process is given."""
        return {"kinds": self.kinds, "shards": list(self.shards)}

    def fact(self, facts: Facts) -> dict[str, Value]:
        """The facts under the engine's names."""
        return {self.names[name]: value for name, value in facts.items()}


def compile_rules(book: Rulebook) -> Compiled:
    """The compiled form of a rulebook.

    Raises:
        PolicyError: a rule, or all of them together, is more than the engine answers reliably.
    """
    _refuse_too_many("rules", len(book.rules), MAX_RULES)
    _refuse_too_many("facts", len(book.facts), MAX_FACTS)
    names = {fact.name: engine_name(fact.name) for fact in book.facts}
    refuse_collisions(names)
    ids = {f"r{number}": rule for number, rule in enumerate(book.rules.values())}
    return Compiled(
        names=names,
        kinds={names[fact.name]: fact.kind.__name__ for fact in book.facts},
        ids={engine_id: rule.id for engine_id, rule in ids.items()},
        shards=tuple(_shards(ids, names)),
    )


def push_not(condition: Condition, *, negate: bool = False) -> Condition:
    """The same condition without `not`, by De Morgan."""
    match condition:
        case Not(inner):
            return push_not(inner, negate=not negate)
        case Leaf():
            op = _NEGATED[condition.op] if negate else condition.op
            return Leaf(fact=condition.fact, op=op, value=condition.value)
        case All(of) | AnyOf(of):
            inside = tuple(push_not(inner, negate=negate) for inner in of)
            return All(inside) if isinstance(condition, All) != negate else AnyOf(inside)


def matches(condition: Condition) -> int:
    """The most nodes of the engine that a condition without `not` can match at once."""
    match condition:
        case All(of):
            return prod(matches(inner) for inner in of)
        case AnyOf(of):
            return sum(matches(inner) for inner in of)
        case _:
            return 1  # the values of an `in` are different, so that only one of them can match


def engine_name(fact: str) -> str:
    """`window.change-freeze` as `window_change_freeze`."""
    return re.sub(r"[^a-z0-9_]", "_", fact.lower())


def refuse_collisions(names: Mapping[str, str]) -> None:
    """The engine finds an attribute by a 32-bit hash of its name, so no two may share one.

    Raises:
        PolicyError: two facts would be one to the engine.
    """
    for fact, name in names.items():
        if _NAME.fullmatch(name) is None:
            raise PolicyError(f"The fact {fact!r} has no name that the engine takes.", "It is too long.", "Rename it.")
    hashed = sorted((_fnv1a(name), fact) for fact, name in [*names.items(), *((taken, taken) for taken in _TAKEN)])
    for (one, first), (two, second) in pairwise(hashed):
        if one == two:
            raise PolicyError(
                f"The facts {first!r} and {second!r} are one to the engine.",
                "Their names are the same to it, or have the same hash.",
                "Rename the group, window or limit of one of them.",
            )


def _shards(ids: Mapping[str, Rule], names: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    shard: dict[str, Any] = {}
    room = MAX_MATCHES
    for engine_id, rule in ids.items():
        condition = push_not(rule.when)
        needed = matches(condition)
        if needed > MAX_MATCHES:
            raise PolicyError(
                f"{rule.place}: the rule {rule.id!r} can be true in {needed} ways at once.",
                f"The engine answers reliably up to {MAX_MATCHES}.",
                "Use `in` for values of one fact, or split the rule in two.",
            )
        if needed > room:
            yield shard
            shard, room = {}, MAX_MATCHES
        shard[engine_id] = _expression(condition, names)
        room -= needed
    yield shard


def _expression(condition: Condition, names: Mapping[str, str]) -> dict[str, Any]:
    match condition:
        case All(of):
            return _joined("$and", [_expression(inner, names) for inner in of])
        case AnyOf(of):
            return _joined("$or", [_expression(inner, names) for inner in of])
        case Leaf(fact=fact, op=op, value=tuple() as values):
            joint, each = ("$or", "eq") if op == "in" else ("$and", "ne")
            return _joined(joint, [_comparison(names[fact], each, value) for value in values])
        case Leaf(fact=fact, op=op, value=str() | int() as value):
            return _comparison(names[fact], op, value)
    raise TypeError(f"{condition!r} should have been compiled away")


def _joined(joint: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return parts[0] if len(parts) == 1 else {joint: parts}


def _comparison(name: str, op: str, value: Value) -> dict[str, Any]:
    return {name: value} if op == "eq" else {_ENGINE[op]: {name: value}}


def _fnv1a(text: str) -> int:
    found = 0x811C9DC5
    for byte in text.encode():
        found = ((found ^ byte) * 16777619) & 0xFFFFFFFF
    return found


def _refuse_too_many(what: str, count: int, most: int) -> None:
    if count > most:
        raise PolicyError(f"There are {count} {what}.", f"{most} are the most.", "Merge or remove some.")
