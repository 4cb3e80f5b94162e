"""Rules become what the engine reads: rows of comparisons of a fact with a constant, all of which have to hold.

Everything else that the engine knows is never written, because parts of it fail open. `not` is pushed inward, and each
way in which a rule can be true becomes a row of its own, since the engine takes few groups within a rule. The rows are
spread over shards in which no fact can come near the engine's limits: 64 half-matched rows at once, and 512 comparisons
beside each other. Rows that ask for different values of one fact cannot match together, so that comparison is put
first and such rows share a shard: few shards are what makes thousands of rules quick.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from gate.policy.language.normal import matches, push_not, ways
from gate.policy.language.rule import Facts, Leaf, Rule, leaves
from gate.policy.language.vocabulary import Value
from gate.policy.rules.rulebook import Rulebook
from gate.values.errors import PolicyError

MAX_RULES = 4000
MAX_FACTS = 2000  # that rules ask for
MAX_NAMES = 240  # of facts in one shard; the engine takes 251 attributes, some of them its own
MAX_MATCHES = 48  # of one fact in one shard; the engine gives up on a fact at 64
MAX_COMPARISONS = 400  # that one fact may have to pass in one shard; the engine takes no more than 511 side by side
MAX_ROWS = 4000  # in one shard; the engine takes 4096
MAX_LISTS = 12  # with several values in one row; the engine takes no more than 13
_ENGINE = {"ne": "$neq", "lt": "$lt", "le": "$lte", "gt": "$gt", "ge": "$gte"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_TAKEN = ("id", "sid", "zz", "$s", "$pulse")  # the engine's own attributes and our mark of a fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What the engine is given.

    `names` maps a fact that some rule asks for to its engine name, `kinds` an engine name to int or str, `ids` an
    engine id to a rule.
    """

    names: Mapping[str, str]
    kinds: Mapping[str, str]
    ids: Mapping[str, str]
    shards: tuple[Mapping[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        """What the child process is given."""
        return {"kinds": self.kinds, "shards": list(self.shards)}

    def fact(self, facts: Facts) -> dict[str, Value]:
        """The facts that some rule asks for, under the engine's names."""
        return {of_engine: facts[name] for name, of_engine in self.names.items() if name in facts}


def compile_rules(book: Rulebook) -> Compiled:
    """The compiled form of a rulebook.

    Raises:
        PolicyError: a rule, or all of them together, is more than the engine answers reliably.
    """
    _refuse_too_many("rules", len(book.rules), MAX_RULES)
    asked = {leaf.fact for rule in book.rules.values() for leaf in leaves(rule.when)}
    facts = [fact for fact in book.facts if fact.name in asked]
    _refuse_too_many("facts that rules ask for", len(facts), MAX_FACTS)
    names = {fact.name: engine_name(fact.name) for fact in facts}
    refuse_collisions(names)
    rows = [row for number, rule in enumerate(book.rules.values()) for row in _rows(f"r{number}", rule)]
    return Compiled(
        names=names,
        kinds={names[fact.name]: fact.kind.__name__ for fact in facts},
        ids={row.engine_id: row.rule for row in rows},
        shards=tuple(_shards(rows, names)),
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One way in which a rule can be true."""

    engine_id: str
    rule: str
    of: tuple[Leaf, ...]

    @property
    def comparisons(self) -> int:
        return sum(len(_values(leaf)) for leaf in self.of)

    def demand(self, fact: str | None) -> Leaf | None:
        """The comparison that pins the fact to values, if there is one."""
        return next((leaf for leaf in self.of if leaf.fact == fact and leaf.op in ("eq", "in")), None)

    def expression(self, first: Leaf | None, names: Mapping[str, str]) -> dict[str, Any]:
        """What the engine reads; `first` is at the front, where it spares the engine all the others."""
        ordered = sorted(self.of, key=lambda leaf: leaf is not first)
        return _joined("$and", [part for leaf in ordered for part in _parts(leaf, names[leaf.fact])])


@dataclass(slots=True)
class _Shard:
    """What is in a shard: of rows and comparisons `pinned` counts those that ask for a value, `loose` the others."""

    rows: dict[str, Any] = field(default_factory=dict)
    loose: tuple[int, int] = (0, 0)
    pinned: dict[Value, tuple[int, int]] = field(default_factory=dict)
    facts: set[str] = field(default_factory=set)

    def take(self, row: _Row, values: tuple[Value, ...], expression: dict[str, Any]) -> bool:
        """Puts the row in, if what one fact can meet stays within the limits."""
        cost = (1, row.comparisons)
        loose = self.loose if values else _sum(self.loose, cost)
        pinned = {value: _sum(self.pinned.get(value, (0, 0)), cost) for value in values}
        apart = len(self.pinned.keys() | pinned.keys())
        most = max((used for used, _ in pinned.values()), default=self._busiest(0))
        compared = max((used for _, used in pinned.values()), default=self._busiest(1))
        facts = self.facts | {leaf.fact for leaf in row.of}
        too_many = loose[0] + most > MAX_MATCHES or loose[1] + max(compared, apart) > MAX_COMPARISONS
        if self.rows and (too_many or len(facts) > MAX_NAMES or len(self.rows) == MAX_ROWS):
            return False
        self.rows[row.engine_id], self.loose, self.facts = expression, loose, facts
        self.pinned |= pinned
        return True

    def _busiest(self, what: int) -> int:
        return max((used[what] for used in self.pinned.values()), default=0)


def _rows(name: str, rule: Rule) -> Iterator[_Row]:
    condition = push_not(rule.when)
    needed = matches(condition)
    if needed > MAX_MATCHES:
        raise PolicyError(
            f"{rule.place}: the rule {rule.id!r} can be true in {needed} ways at once.",
            f"The engine answers reliably up to {MAX_MATCHES}.",
            "Use `in` for values of one fact, or split the rule in two.",
        )
    for number, way in enumerate(ways(condition)):
        row = _Row(engine_id=f"{name}_{number}" if number else name, rule=rule.id, of=way)
        lists = sum(leaf.op == "in" and len(_values(leaf)) > 1 for leaf in way)
        if row.comparisons > MAX_COMPARISONS or lists > MAX_LISTS:
            raise PolicyError(
                f"{rule.place}: the rule {rule.id!r} compares with {lists} lists, and {row.comparisons} values in all.",
                f"The engine answers reliably up to {MAX_LISTS} lists and {MAX_COMPARISONS} values.",
                "Split the rule in two, or put the hosts into a group.",
            )
        yield row


def _shards(rows: list[_Row], names: Mapping[str, str]) -> list[dict[str, Any]]:
    fact = _splitter(rows)
    shards = [_Shard()]
    for row in rows:
        first = row.demand(fact)
        values, expression = _values(first) if first else (), row.expression(first, names)
        if not any(shard.take(row, values, expression) for shard in shards):
            shards.append(_Shard())
            shards[-1].take(row, values, expression)
    return [shard.rows for shard in shards]


def _splitter(rows: list[_Row]) -> str | None:
    """The fact whose values keep the most rows apart: with the fewest left for its busiest value."""
    busy: dict[str, Counter[Value]] = defaultdict(Counter)
    pinned: Counter[str] = Counter()
    for row in rows:
        for fact in {leaf.fact for leaf in row.of}:
            if leaf := row.demand(fact):
                busy[fact].update(_values(leaf))
                pinned[fact] += 1
    return min(sorted(busy), key=lambda fact: max(busy[fact].values()) - pinned[fact], default=None)


def _parts(leaf: Leaf, name: str) -> list[dict[str, Any]]:
    if leaf.op == "not_in":
        return [_comparison(name, "ne", value) for value in _values(leaf)]
    if leaf.op == "in":
        return [_joined("$or", [_comparison(name, "eq", value) for value in _values(leaf)])]
    return [_comparison(name, leaf.op, value) for value in _values(leaf)]


def _values(leaf: Leaf) -> tuple[Value, ...]:
    return leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)


def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


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
