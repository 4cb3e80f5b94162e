"""The kinds of limits: a rate, a number at once, a number or share of hosts, a cool-down. The breaker has its own file.

What is asked again at its start took its place when it was first decided. So of the others only those that have
started are counted then: otherwise many that are ready at once would stop each other. All but a number of hosts in one
change free up by themselves, and say when, if only time has to pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from gate.policy.language.rule import Condition
from gate.policy.limits.counting import may_cover, named
from gate.policy.limits.usage import WITHIN, Limited, Usage, by_host, moment, once, within
from gate.policy.question import OPEN, UNDER_WAY, Host, Lookback, Past


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `at_most` changes in any period of length `per`, for each combination of what `by` names.

    No more than that are asked for, and no more than that begin: what waited begins later than it was asked for.
    """

    at_most: int
    per: timedelta
    by: tuple[str, ...]

    @property
    def lookback(self) -> Lookback:
        return within(self.by, self.per)

    def usage(self, limited: Limited) -> Mapping[str, Usage]:
        starting = limited.question.starting
        recent = self.recent(limited.history.changes, limited.now, starting=starting)
        return by_host(limited, self.by, recent, partial(self._judge, starting=starting))

    def recent(self, changes: Iterable[Past], now: datetime, *, starting: bool = False) -> list[Past]:
        """Those of the changes that may count for one that is asked for, or that is `starting`."""
        times = ((past, _counts_from(past, starting=starting)) for past in changes)
        return [past for past, at in times if at is not None and at > now - self.per]

    def _judge(self, counted: list[Past], where: str, *, starting: bool) -> Usage:
        if len(counted) < self.at_most:
            return WITHIN
        times = sorted(at for past in counted if (at := _counts_from(past, starting=starting)) is not None)
        free_at = times[len(times) - self.at_most] + self.per
        used = f"{len(counted)} of {self.at_most} are used{where}"
        note = f"{used}; the next is possible at {moment(free_at)}."
        return Usage(exceeded=True, note=note, frees=True, frees_at=free_at)

    def as_json(self) -> dict[str, Any]:
        return {"at_most": self.at_most, "per_s": int(self.per.total_seconds()), "by": list(self.by)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrent:
    """At most `most` changes that are not at rest, for each combination of what `by` names; of all if it is empty."""

    most: int
    by: tuple[str, ...]

    @property
    def lookback(self) -> Lookback:
        return Lookback(open=True)

    def usage(self, limited: Limited) -> Mapping[str, Usage]:
        return by_host(limited, self.by, once(_open(limited)), self._judge)

    def _judge(self, counted: list[Past], where: str) -> Usage:
        if len(counted) < self.most:
            return WITHIN
        note = f"{len(counted)} of {self.most} are open{where}: {named(counted)}."
        return Usage(exceeded=True, note=f"{note} The next is possible when one of them is at rest.", frees=True)

    def as_json(self) -> dict[str, Any]:
        return {"concurrent": self.most, "by": list(self.by)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """At most `hosts` hosts, and at most `share` percent of them, in the group or environment `of`; empty is the site.

    `at` says whether the hosts of one change are counted, or those of all that is open at once. A share is rounded
    down; `at_least` hosts pass whatever their share is.
    """

    hosts: int | None
    share: int | None
    of: str
    at: Literal["change", "once"]
    at_least: int

    @property
    def lookback(self) -> Lookback:
        return Lookback(open=self.at == "once", sizes=self.share is not None)

    def usage(self, limited: Limited) -> Mapping[str, Usage]:
        changes = [_as_past(limited)] + (_open(limited) if self.at == "once" else [])
        pools = {host.name: self._pool(host) for host in limited.question.hosts}
        known = {pool: self._judge(pool, limited, changes) for pool in set(pools.values()) if pool is not None}
        return {name: WITHIN if pool is None else known[pool] for name, pool in pools.items()}

    def as_json(self) -> dict[str, Any]:
        told = {"hosts": self.hosts, "share": self.share, "of": self.of, "at": self.at, "at_least": self.at_least}
        return {name: value for name, value in told.items() if value is not None}

    def _pool(self, host: Host) -> str | None:
        """Under which name of `Question.sizes` the host is counted; None if it is not counted."""
        if not self.of:
            return ""
        if self.of == "environment":
            return f"environment.{host.environment}"
        return f"group.{self.of}" if self.of in host.groups else None

    def _judge(self, pool: str, limited: Limited, changes: list[Past]) -> Usage:
        touched = [(past, self._touched(past, pool, limited.scope)) for past in changes]
        count = len(frozenset().union(*(names for _, names in touched)))
        size = limited.question.sizes.get(pool, 0)
        allowed = [self.hosts] if self.hosts is not None else []
        if self.share is not None:
            allowed.append(max(size * self.share // 100, self.at_least))
        if count <= min(allowed):
            return WITHIN
        others = [past for past, names in touched[1:] if names]
        alone = len(touched[0][1])
        note = self._note(pool, count, min(allowed), size, others)
        return Usage(exceeded=True, note=note, frees=alone <= min(allowed))

    def _touched(self, past: Past, pool: str, scope: Condition) -> frozenset[str]:
        in_pool = (name for name in past.hosts if name not in past.known or self._pool(past.known[name]) == pool)
        return frozenset(name for name in in_pool if may_cover(scope, past, name))

    def _note(self, pool: str, count: int, allowed: int, size: int, others: list[Past]) -> str:
        place = f" of {pool.partition('.')[2]}" if pool else ""
        together = f"With what is open ({named(others)}) it" if others else "It"
        share = f" ({self.share} % of {size})" if self.share is not None else ""
        note = f"{together} is on {count} hosts{place}; {allowed} are the most{share}."
        return note if allowed else f"{note} That is less than one host; the limit's `at_least: 1` would let one pass."


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooldown:
    """Not again on the same host within `time` after the last change there, or the last of the action, has finished.

    What only waits has not touched the host: it is asked again when it starts.
    """

    time: timedelta
    by: tuple[str, ...]

    @property
    def lookback(self) -> Lookback:
        return within(self.by, self.time) | Lookback(open=True)

    def usage(self, limited: Limited) -> Mapping[str, Usage]:
        busy = UNDER_WAY if limited.question.starting else UNDER_WAY | {"ready"}
        since = limited.now - self.time
        found = [
            past
            for past in limited.history.changes
            if past.state in busy or (past.finish is not None and past.finish > since)
        ]
        return by_host(limited, self.by, found, self._judge)

    def _judge(self, counted: list[Past], _: str) -> Usage:
        if not counted:
            return WITHIN
        busy = [past for past in counted if past.finish is None]
        if busy:
            return Usage(exceeded=True, note=f"Something is under way there: {named(busy)}.", frees=True)
        last = max(past.finish for past in counted if past.finish is not None)
        free_at = last + self.time
        note = f"The last one finished at {moment(last)}; the next is possible at {moment(free_at)}."
        return Usage(exceeded=True, note=note, frees=True, frees_at=free_at)

    def as_json(self) -> dict[str, Any]:
        return {"cooldown_s": int(self.time.total_seconds()), "by": list(self.by)}


def _counts_from(past: Past, *, starting: bool) -> datetime | None:
    """Since when a change counts in a rate: for one that starts, since its own start; None if it has none."""
    begun = past.start
    return begun if starting or (begun is not None and begun > past.at) else past.at


def _open(limited: Limited) -> list[Past]:
    states = UNDER_WAY if limited.question.starting else OPEN
    return [past for past in limited.history.changes if past.state in states]


def _as_past(limited: Limited) -> Past:
    question = limited.question
    return Past(
        at=limited.now,
        actor=str(question.actor),
        action=question.action,
        hosts=tuple(host.name for host in question.hosts),
        known={host.name: host for host in question.hosts},
    )
