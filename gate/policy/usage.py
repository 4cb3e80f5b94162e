"""What a limit is given, and what it says: how much is used on each host, and whether one more is too much. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from gate.policy.counting import GROUP, Place, Tally
from gate.policy.question import History, Lookback, Past, Question
from gate.policy.rule import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """`exceeded` by the change that is asked about; `note` says how much is used, and when the next is possible."""

    exceeded: bool
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """The limit `name` over `scope`, asked about `question`."""

    name: str
    scope: Condition
    question: Question
    history: History
    now: datetime


class Kind(Protocol):
    """One way to limit. A new one is a class with these three, read in `limits`."""

    @property
    def lookback(self) -> Lookback:
        """What it has to know of the past."""
        ...

    def usage(self, limited: Limited) -> Mapping[str, Usage]:
        """The usage on each host of the question."""
        ...

    def as_json(self) -> dict[str, Any]:
        """All that makes it what it is."""
        ...


WITHIN = Usage(exceeded=False)


def by_host(
    limited: Limited, by: Sequence[str], changes: Sequence[Past], judge: Callable[[list[Past], str], Usage]
) -> dict[str, Usage]:
    """For each host what `judge` says of the changes that count with it, in the worst of its places.

    `judge` is given the changes, oldest first, and where that is, for people; empty where there is no need to say.
    """
    tally = Tally(by, limited.scope, limited.question, changes)
    found = {}
    for host in limited.question.hosts:
        usages = [judge(counted, _where(by, place)) for place, counted in tally.of(host)]
        found[host.name] = next((usage for usage in usages if usage.exceeded), WITHIN)
    return found


def within(by: Sequence[str], period: timedelta) -> Lookback:
    """What has to be known of the last `period` to count by these names: the fewest changes that are enough."""
    if "target" in by:
        return Lookback(target=period)
    if "actor" in by:
        return Lookback(actor=period)
    return Lookback(action=period) if "action" in by else Lookback(every=period)


def once(changes: Sequence[Past]) -> list[Past]:
    """Without what is just being taken back by another of them: the two are one thing that is under way."""
    taken_back = {past.undo_of for past in changes if past.undo_of}
    return [past for past in changes if past.id not in taken_back]


def moment(at: datetime) -> str:
    """A time for people."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _where(by: Sequence[str], place: Place) -> str:
    names = [name for name in by if name not in {"actor", "action"}]
    groups = [value for name, value in zip(names, place, strict=True) if name == "group" or name.startswith(GROUP)]
    return f" in the group {groups[0]}" if groups else ""
