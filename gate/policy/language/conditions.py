"""Reads what stands under `when:`: comparisons of known facts, joined by all, any and not.

A comparison that could mean less than it seems to (two keys in one map, a misspelt value, an order of texts,
a number for a text) is refused here, because an engine would silently never match it.
"""

from __future__ import annotations

from typing import cast, get_args

from gate.policy.language.asking import read_predicate
from gate.policy.language.rule import All, AnyOf, Condition, Leaf, Not, Op
from gate.policy.language.source import Item, did_you_mean
from gate.policy.language.vocabulary import Fact, Value, Vocabulary, plain

MAX_DEPTH = 8
_ORDER = ("lt", "le", "gt", "ge")


def read_condition(item: Item, vocabulary: Vocabulary, depth: int = 1) -> Condition:
    """The condition that `item` writes down.

    Raises:
        PolicyError: with the place, the reason and the mend.
    """
    if depth > MAX_DEPTH:
        raise item.error("The condition is too deep.", f"{MAX_DEPTH} levels are the most.", "Split the rule.")
    if not isinstance(item.value, dict) or len(item.value) != 1:
        raise item.error(
            f"A condition is one `fact: value`, and this is {_count(item)}.",
            "Of several keys in one map it is not clear whether all or any is meant.",
            "Write `all: [{fact: value}, {fact: value}]` or `any: [...]`.",
        )
    ((key, inner),) = item.value.items()
    match key:
        case "all":
            return All(_members(key, inner, vocabulary, depth))
        case "any":
            return AnyOf(_members(key, inner, vocabulary, depth))
        case "not":
            return Not(read_condition(inner, vocabulary, depth + 1))
        case _:
            return _leaf(key, inner, vocabulary)


def _count(item: Item) -> str:
    return f"a map of {len(item.value)} keys" if isinstance(item.value, dict) else item.kind()


def _members(key: str, item: Item, vocabulary: Vocabulary, depth: int) -> tuple[Condition, ...]:
    found = tuple(read_condition(inner, vocabulary, depth + 1) for inner in item.items(f"`{key}`"))
    if not found:
        raise item.error(
            f"`{key}` is empty.", "An empty condition matches nothing or everything.", "Write a condition."
        )
    return found


def _leaf(name: str, item: Item, vocabulary: Vocabulary) -> Leaf:
    asked = read_predicate(name, item, vocabulary)
    if asked is not None:
        return Leaf(fact=asked.name, op="eq", value="yes", asks=asked)
    fact = vocabulary.find(name)
    if fact is None:
        near = vocabulary.nearest(name)
        raise item.error(
            f"There is no fact {name!r}.",
            "A rule over an unknown fact would never match. A window or limit is known once it is defined.",
            f"Write {near!r}." if near else "docs/reference/rules.md lists the facts.",
        )
    if not isinstance(item.value, dict):
        return Leaf(fact=name, op="eq", value=_value(item, fact))
    if len(item.value) != 1:
        raise item.error(f"{name!r} is compared {len(item.value)} times.", "One is taken.", "Write `all: [..., ...]`.")
    ((op, inner),) = item.value.items()
    if op not in get_args(Op):
        known = list(get_args(Op))
        raise inner.error(
            f"There is no comparison {op!r}.", "Nothing else is compared.", f"Write one of {', '.join(known)}."
        )
    if op in _ORDER and fact.kind is not int:
        raise inner.error(f"{name!r} is text and has no order.", f"{op} compares numbers.", "Use eq, ne, in or not_in.")
    return Leaf(fact=name, op=cast("Op", op), value=_values(inner, fact) if "in" in op else _value(inner, fact))


def _values(item: Item, fact: Fact) -> tuple[Value, ...]:
    found = tuple(dict.fromkeys(_value(inner, fact) for inner in item.items("The list of values")))
    if not found:
        raise item.error("The list of values is empty.", "Nothing is in an empty list.", "Name a value.")
    return found


def _value(item: Item, fact: Fact) -> Value:
    if not isinstance(item.value, str | int) or type(item.value) is not fact.kind:
        wanted, mend = ("text", "Quote the value.") if fact.kind is str else ("a whole number", "Write one, unquoted.")
        raise item.error(f"{fact.name!r} is compared with {item.kind()}.", f"It is {wanted}.", mend)
    if fact.values and item.value not in fact.values:
        raise item.error(
            f"{fact.name!r} is never {item.value!r}.",
            f"It is {' or '.join(fact.values)}.",
            f"Write {did_you_mean(str(item.value), list(fact.values))}.",
        )
    return plain(item.value) if isinstance(item.value, str) else item.value
