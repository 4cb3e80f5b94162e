"""The breaker: after K failures within a time it denies, until a person has looked and resets it. Pure.

It does not close again by itself: failures that came together keep it open however long ago that was. A reset forgets
the failures before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gate.policy.language.rule import Condition
from gate.policy.limits.counting import may_cover, named
from gate.policy.limits.usage import WITHIN, Limited, Usage
from gate.policy.question import History, Lookback, Past

FOREVER = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the breaker `breaker` stands for one `key`: what failed since it was reset, and whether that opened it."""

    breaker: str
    key: str
    open: bool
    failures: tuple[Past, ...]

    def as_json(self) -> dict[str, Any]:
        changes = [past.id for past in self.failures]
        return {"breaker": self.breaker, "key": self.key, "open": self.open, "failures": changes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Opens after `failures` failures within `time`, for each combination of what `by` names."""

    failures: int
    time: timedelta
    by: tuple[str, ...]

    @property
    def lookback(self) -> Lookback:
        if "target" in self.by:
            return Lookback(failed_target=FOREVER)
        return Lookback(failed_action=FOREVER) if "action" in self.by else Lookback(failed_actor=FOREVER)

    def usage(self, limited: Limited) -> Mapping[str, Usage]:
        asked, failed = limited.question, self._failed(limited.scope, limited.history)
        found = {}
        for host in asked.hosts:
            key = self._key(actor=str(asked.actor), action=asked.action, target=host.name)
            standing = self._stands(limited.name, key, failed.get(key, ()), limited.history)
            found[host.name] = self._judge(limited.name, standing)
        return found

    def standings(self, name: str, scope: Condition, history: History) -> list[Standing]:
        """How it stands for every key of which something failed since the last reset, sorted by key."""
        failed = self._failed(scope, history)
        found = [self._stands(name, key, changes, history) for key, changes in sorted(failed.items())]
        return [one for one in found if one.failures]

    def as_json(self) -> dict[str, Any]:
        return {"failures": self.failures, "within_s": int(self.time.total_seconds()), "by": list(self.by)}

    def _failed(self, scope: Condition, history: History) -> Mapping[str, list[Past]]:
        found: dict[str, list[Past]] = {}
        for past in history.changes:
            if past.failure is not None:
                for key in self._keys(past, scope):
                    found.setdefault(key, []).append(past)
        return found

    def _stands(self, name: str, key: str, failed: Sequence[Past], history: History) -> Standing:
        reset = history.resets.get((name, key))
        counted = sorted((past for past in failed if reset is None or _failure(past) > reset), key=_failure)
        times = [_failure(past) for past in counted]
        runs = zip(times, times[self.failures - 1 :], strict=False)
        is_open = any(last - first < self.time for first, last in runs)
        return Standing(breaker=name, key=key, open=is_open, failures=tuple(counted))

    def _judge(self, name: str, standing: Standing) -> Usage:
        if not standing.open:
            return WITHIN
        count = len(standing.failures)
        note = f"{count} {'has' if count == 1 else 'have'} failed since the last reset: {named(standing.failures)}."
        mend = f"A person has to look, and then: gate breaker reset {name} {standing.key} --reason TEXT"
        return Usage(exceeded=True, note=f"{note} {mend}")

    def _keys(self, past: Past, scope: Condition) -> set[str]:
        covered = [name for name in past.hosts if may_cover(scope, past, name)]
        return {self._key(actor=past.actor, action=past.action, target=name) for name in covered}

    def _key(self, **values: str) -> str:
        return ",".join(values[name] for name in self.by)


def _failure(past: Past) -> datetime:
    if past.failure is None:
        raise ValueError(f"{past.id} did not fail")
    return past.failure
