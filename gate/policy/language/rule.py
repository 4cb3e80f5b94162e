"""A rule in memory: a condition over facts, what it says, and why. Values only; no YAML, no engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from gate.policy.language.predicate import Predicate
from gate.policy.language.vocabulary import Value

Facts = Mapping[str, Value]
Op = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "not_in"]


class Verdict(StrEnum):
    """What a rule says. WAIT goes beside the others: not yet, whatever they say; no decision is WAIT."""

    WAIT = "wait"
    ALLOW = "allow"
    NEEDS_APPROVAL = "needs_approval"
    DENY = "deny"

    @property
    def strength(self) -> int:
        """The stronger beats the weaker."""
        return list(Verdict).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """`count` people of `group`, or as many as one of `alternatives` says, have to say yes within `expires_s` seconds.

    An alternative is (group, count). Once `escalate_after_s` have passed, one of the group `escalate_to` will do too.
    """

    group: str
    count: int
    expires_s: int
    alternatives: tuple[tuple[str, int], ...] = ()
    escalate_after_s: int | None = None
    escalate_to: str | None = None

    def as_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = {"group": self.group, "count": self.count, "expires_s": self.expires_s}
        if self.alternatives:
            plain["or"] = [{"group": group, "count": count} for group, count in self.alternatives]
        if self.escalate_to is not None:
            plain["escalate"] = {"after_s": self.escalate_after_s, "to": self.escalate_to}
        return plain

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Requirement:
        """The inverse of `as_json`. Raises KeyError or TypeError for anything else."""
        escalate = raw.get("escalate") or {"after_s": None, "to": None}
        return cls(
            group=raw["group"],
            count=raw["count"],
            expires_s=raw["expires_s"],
            alternatives=tuple((one["group"], one["count"]) for one in raw.get("or", ())),
            escalate_after_s=escalate["after_s"],
            escalate_to=escalate["to"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """`fact op value`; the value is a tuple for `in` and `not_in`, and of the fact's type otherwise.

    `asks` is what a person wrote if that is no fact of the engine; then `fact` is `yes` where it holds.
    """

    fact: str
    op: Op
    value: Value | tuple[Value, ...]
    asks: Predicate | None = None


@dataclass(frozen=True, slots=True)
class All:
    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    of: Condition


Condition = Leaf | All | AnyOf | Not


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`id` is unique in a rulebook; those that the gate makes itself carry a `/`. `place` is `file:line`.

    A rule that is only a `shadow` says what it would decide, and decides nothing.
    """

    id: str
    when: Condition
    verdict: Verdict
    requirement: Requirement | None = None
    because: str
    place: str
    shadow: bool = False

    def as_json(self) -> dict[str, Any]:
        """All that makes this rule what it is; its place is none of it."""
        return {
            "rule": self.id,
            "when": condition_json(self.when),
            "then": self.verdict.value,
            "requirement": self.requirement and self.requirement.as_json(),
            "because": self.because,
        } | ({"mode": "shadow"} if self.shadow else {})


def condition_json(condition: Condition) -> dict[str, Any]:
    """The condition as it would be written in YAML."""
    match condition:
        case All(of):
            return {"all": [condition_json(inner) for inner in of]}
        case AnyOf(of):
            return {"any": [condition_json(inner) for inner in of]}
        case Not(inner):
            return {"not": condition_json(inner)}
        case Leaf(asks=Predicate() as asks, op="eq", value="yes"):
            return {asks.subject: asks.test.as_json()}
        case Leaf():
            value = list(condition.value) if isinstance(condition.value, tuple) else condition.value
            return {condition.fact: {condition.op: value}}


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Every comparison in the condition."""
    match condition:
        case Leaf():
            yield condition
        case Not(inner):
            yield from leaves(inner)
        case All(of) | AnyOf(of):
            for inner in of:
                yield from leaves(inner)
