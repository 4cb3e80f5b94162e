"""The risk of a change on a host: the action's own, and points for the circumstances, as `rules/risk.yml` gives them.

The recipe is data: whole numbers, added up and kept within 0 and 100. Pure and deterministic: `now` is passed in. Each
part is in the decision, so that nobody has to guess where a number comes from. Without a recipe the risk is the
action's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gate.policy.question import History, Host, Lookback, Past, Question

LEAST, MOST = 0, 100
OTHER = "other"  # a value that the recipe does not name


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one factor adds: its name, its value now, and the points for that."""

    factor: str
    value: str | int
    points: int

    def as_json(self) -> dict[str, Any]:
        return {"factor": self.factor, "value": self.value, "points": self.points}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`points` from `start` on: hosts, or percent of them."""

    start: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The share of the hosts of `of`, a group, `environment`, or empty for all."""

    of: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Office hours on the clocks of `zone`, and the points inside and outside of them."""

    zone: str
    days: frozenset[int]  # Monday is 0
    start: time
    end: time
    inside: int
    outside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """`each` for every failure of the action on the host within the last `within`, `most` together."""

    within: timedelta
    each: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How risk is made. `words` is the points of each value of a factor that has words as values."""

    words: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    hosts: tuple[Step, ...] = ()
    share: Share | None = None
    hours: Hours | None = None
    failures: Failures | None = None

    @property
    def lookback(self) -> Lookback:
        """What it has to know of the past."""
        within = self.failures.within if self.failures else timedelta(0)
        return Lookback(failed_target=within, sizes=self.share is not None)

    def parts(self, question: Question, history: History, now: datetime) -> dict[str, tuple[Part, ...]]:
        """For each host of the question the parts of its risk that are not zero; the action's own comes first."""
        failed = self._failed(question, history, now)
        return {host.name: tuple(self._parts(question, host, failed, now)) for host in question.hosts}

    def as_json(self) -> dict[str, Any]:
        """All that makes this recipe what it is; empty if there is none."""
        told = {
            "words": {factor: dict(points) for factor, points in self.words.items()},
            "hosts": _steps_json(self.hosts),
            "share": self.share and {"of": self.share.of, "steps": _steps_json(self.share.steps)},
            "hours": self.hours and _hours_json(self.hours),
            "failures": self.failures
            and [int(self.failures.within.total_seconds()), self.failures.each, self.failures.most],
        }
        return {name: value for name, value in told.items() if value}

    def _parts(self, question: Question, host: Host, failed: Sequence[Past], now: datetime) -> Iterator[Part]:
        yield Part(factor="action", value=question.action, points=question.risk)
        count = len(question.hosts)
        found = [
            *self._of_words(question, host),
            Part(factor="hosts", value=count, points=_reached(self.hosts, count)),
            *self._of_share(question, host),
            *self._of_hours(now),
        ]
        if self.failures is not None:
            times = sum(host.name in past.hosts for past in failed)
            points = min(times * self.failures.each, self.failures.most)
            found.append(Part(factor="failures", value=times, points=points))
        yield from (part for part in found if part.points)

    def _of_words(self, question: Question, host: Host) -> Iterator[Part]:
        values = {
            "environment": host.environment,
            "criticality": host.criticality,
            "actor_kind": question.actor.kind.value,
            "certified": "yes" if question.certified else "no",
            "check": question.check,
            "reversibility": question.reversibility,
        }
        for factor, points in self.words.items():
            value = values[factor]
            yield Part(factor=factor, value=value, points=points.get(value, points.get(OTHER, 0)))

    def _of_share(self, question: Question, host: Host) -> Iterator[Part]:
        if self.share is None:
            return
        of = self.share.of
        pool = f"environment.{host.environment}" if of == "environment" else f"group.{of}" if of else ""
        if of not in ("", "environment") and of not in host.groups:
            return
        touched = sum(_is_in(other, of, host) for other in question.hosts)
        size = question.sizes.get(pool, 0)
        percent = min(100 * touched // size, 100) if size else 100  # of an unknown number it could be all
        yield Part(factor="share", value=percent, points=_reached(self.share.steps, percent))

    def _of_hours(self, now: datetime) -> Iterator[Part]:
        if (hours := self.hours) is None:
            return
        local = now.astimezone(ZoneInfo(hours.zone))
        inside = local.weekday() in hours.days and hours.start <= local.time() < hours.end
        value, points = ("inside", hours.inside) if inside else ("outside", hours.outside)
        yield Part(factor="hours", value=value, points=points)

    def _failed(self, question: Question, history: History, now: datetime) -> list[Past]:
        if self.failures is None:
            return []
        since = now - self.failures.within
        same = (past for past in history.changes if past.action == question.action)
        return [past for past in same if past.failure is not None and past.failure > since]


def total(parts: Sequence[Part]) -> int:
    """The risk: the sum of the points, within 0 and 100."""
    return max(LEAST, min(MOST, sum(part.points for part in parts)))


def _reached(steps: Sequence[Step], value: int) -> int:
    return next((step.points for step in reversed(steps) if value >= step.start), 0)


def _is_in(other: Host, of: str, host: Host) -> bool:
    if of == "environment":
        return other.environment == host.environment
    return not of or of in other.groups


def _steps_json(steps: Sequence[Step]) -> list[list[int]]:
    return [[step.start, step.points] for step in steps]


def _hours_json(hours: Hours) -> dict[str, Any]:
    span = [hours.start.isoformat("minutes"), hours.end.isoformat("minutes")]
    return {"zone": hours.zone, "days": sorted(hours.days), "span": span, "points": [hours.inside, hours.outside]}
