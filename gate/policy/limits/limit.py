"""Limits: how often, how many at once, how many hosts, how soon again, and not after too many failures.

Each is a fact `limit.NAME` and a rule that denies what would exceed it. Pure: `now` is passed in. All that was not
denied counts, also what only waits or is ready: a limit that forgets the pending leaks. A change that seems to come
from the future (two clocks) counts too, because leaving it out would let one more pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gate.policy.language.rule import All, Condition, Leaf, Rule, Verdict, condition_json
from gate.policy.limits.usage import Kind, Limited, Usage
from gate.policy.question import History, Lookback, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`kind` is what is counted, `scope` for what the limit is asked, `because` the reason of its deny, or empty."""

    name: str
    kind: Kind
    scope: Condition
    because: str
    place: str

    def usage(self, question: Question, history: History, now: datetime) -> Mapping[str, Usage]:
        """How much is used, for each host of the question."""
        limited = Limited(name=self.name, scope=self.scope, question=question, history=history, now=now)
        return self.kind.usage(limited)

    @property
    def lookback(self) -> Lookback:
        """What it has to know of the past."""
        return self.kind.lookback

    def as_json(self) -> dict[str, Any]:
        """All that makes this limit what it is."""
        return {"limit": self.name, **self.kind.as_json(), "scope": condition_json(self.scope)}


def limit_rules(limits: Iterable[Limit]) -> Iterator[Rule]:
    """The deny rule that each limit is."""
    for limit in limits:
        exceeded = Leaf(fact=f"limit.{limit.name}", op="eq", value="exceeded")
        yield Rule(
            id=f"limit/{limit.name}",
            when=All((limit.scope, exceeded)),
            verdict=Verdict.DENY,
            because=limit.because or f"The limit {limit.name} is reached.",
            place=limit.place,
        )
