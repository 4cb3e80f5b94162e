"""Limits: at most N changes in any period of a given length, counted by actor, action, target or several of them.

The period slides: a change counts until it is `per` old. Pure: `now` is passed in. A change that seems to come from
the future (two clocks) counts too, because leaving it out would let one more pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gate.policy.question import History, Past, Question
from gate.policy.rule import All, Condition, Leaf, Rule, Verdict, condition_json, leaves
from gate.policy.scope import read_scope
from gate.policy.source import Item, read_yaml
from gate.policy.windows import NAME, read_duration

_BY = ("actor", "action", "target")
_LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `at_most` changes within `per`, for each combination of what `by` names."""

    name: str
    at_most: int
    per: timedelta
    by: tuple[str, ...]
    scope: Condition
    because: str
    place: str

    def used(self, question: Question, history: History, now: datetime) -> Mapping[str, tuple[datetime, ...]]:
        """For each host of the question the times of the changes that count, oldest first."""
        counted = [past for past in history.changes if past.at > now - self.per and self._counts(past, question)]
        counted.sort(key=lambda past: past.at)
        if "target" not in self.by:
            return dict.fromkeys((host.name for host in question.hosts), tuple(past.at for past in counted))
        by_host: dict[str, list[datetime]] = defaultdict(list)
        for past in counted:
            for name in set(past.hosts):
                by_host[name].append(past.at)
        return {host.name: tuple(by_host[host.name]) for host in question.hosts}

    def free_at(self, used: tuple[datetime, ...]) -> datetime | None:
        """When one more change is possible; None if it is now."""
        return used[len(used) - self.at_most] + self.per if len(used) >= self.at_most else None

    def _counts(self, past: Past, question: Question) -> bool:
        if "actor" in self.by and past.actor != str(question.actor):
            return False
        if "action" in self.by and past.action != question.action:
            return False
        # of the scope only what is known of a past change narrows the count; the rest can only make it stricter
        known = {"action": past.action, "actor_kind": past.actor.partition(":")[0]}
        asked = [leaf for leaf in leaves(self.scope) if leaf.fact in known and isinstance(leaf.value, tuple)]
        return all(known[leaf.fact] in leaf.value for leaf in asked if isinstance(leaf.value, tuple))

    def as_json(self) -> dict[str, Any]:
        """All that makes this limit what it is."""
        return {
            "limit": self.name,
            "at_most": self.at_most,
            "per_s": int(self.per.total_seconds()),
            "by": list(self.by),
            "scope": condition_json(self.scope),
        }


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


def read_limits(path: Path) -> tuple[Limit, ...]:
    """The limits of `limits.yml`; none if there is no such file.

    Raises:
        PolicyError: with file, line, reason and mend.
    """
    item = read_yaml(path) if path.exists() else None
    found: dict[str, Limit] = {}
    for entry in item.items("limits.yml") if item else ():
        limit = _limit(entry)
        if limit.name in found:
            raise entry.error(f"The limit {limit.name!r} is there twice.", "Names are unique.", "Rename one.")
        found[limit.name] = limit
    return tuple(found.values())


def _limit(item: Item) -> Limit:
    keys = item.entries("A limit", ("limit", "at_most", "per", "by"), ("applies", "undo", "because"))
    by = {entry.choice("A name under `by`", _BY) for entry in keys["by"].items("`by`")}
    if not by:
        raise keys["by"].error("`by` is empty.", "It says what is counted together.", f"Name some of {', '.join(_BY)}.")
    return Limit(
        name=keys["limit"].text("the name of a limit", NAME),
        at_most=keys["at_most"].number("`at_most`", 1, 1_000_000),
        per=read_duration(keys["per"], _LONGEST),
        by=tuple(sorted(by)),
        scope=read_scope(keys.get("applies"), keys.get("undo")),
        because=keys["because"].text("`because`") if "because" in keys else "",
        place=f"{item.file}:{item.line}",
    )
