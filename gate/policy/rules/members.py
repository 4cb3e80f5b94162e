"""Groups and tags that rules ask for and the site does not have: such a rule is silent, and mostly a slip."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping

from gate.policy.language.predicate import Comparison
from gate.policy.language.rule import Condition, Leaf, leaves
from gate.policy.limits.counting import GROUP
from gate.policy.rules.finding import Finding
from gate.policy.rules.rulebook import Rulebook

Members = Mapping[str, Collection[str]]  # "group" and "tag": the names that the site has


def unknown_members(book: Rulebook, members: Members) -> Iterator[Finding]:
    """A warning for each name, wherever it is asked for. The inventory can grow, so it is no error."""
    for place, what, named in _asked(book):
        for family, name in named:
            if name not in members[family]:
                near = difflib.get_close_matches(name, members[family], 1)
                yield Finding(
                    severity="warning",
                    place=place,
                    rule=what,
                    what=f"{what!r} asks for the {family} {name!r}, which the inventory does not have.",
                    why="As long as that is so, it is as if this were not written.",
                    fix=f"Write {near[0]!r}." if near else "`gate inventory list` shows the groups and tags.",
                )


def _asked(book: Rulebook) -> Iterator[tuple[str, str, set[tuple[str, str]]]]:
    """Where it stands, what asks, and the names that are asked for."""
    for rule in book.rules.values():
        if "/" not in rule.id:
            yield rule.place, rule.id, _named(rule.when)
    for window in book.windows:
        yield window.place, window.name, _named(window.scope)
    for limit in book.limits:
        told = limit.kind.as_json()
        by = {("group", name.removeprefix(GROUP)) for name in told.get("by", ()) if name.startswith(GROUP)}
        of = {("group", told["of"])} if told.get("of", "environment") not in ("environment", "") else set()
        yield limit.place, limit.name, _named(limit.scope) | by | of


def _named(condition: Condition) -> set[tuple[str, str]]:
    return {pair for leaf in leaves(condition) for pair in _of_leaf(leaf)}


def _of_leaf(leaf: Leaf) -> Iterator[tuple[str, str]]:
    family, _, name = leaf.fact.partition(".")
    if family in ("group", "tag"):
        yield family, name
    elif leaf.asks is not None and leaf.asks.subject in ("groups", "tags"):
        yield from ((leaf.asks.subject[:-1], value) for value in _texts(leaf.asks.test))


def _texts(test: Comparison) -> Iterator[str]:
    """The names that `has` or `every` compares with; patterns name nobody."""
    match test.value:
        case Comparison(op="eq" | "in", value=value):
            yield from (str(one) for one in (value if isinstance(value, tuple) else (value,)) if test.op != "count")
