"""What a limit is given, and what it says: how much is used on each host, and whether one more is too much. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from gate.policy.language.rule import Condition
from gate.policy.limits.counting import GROUP, Place, Tally
from gate.policy.question import History, Lookback, Past, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """`exceeded` by the change that is asked about; `note` says how much is used, and when the next is possible.

    `frees` says that there will be room for this very change without anybody's doing: at `frees_at` if only time has to
    pass, otherwise when others have come to rest.
    """

    exceeded: bool
    note: str = ""
    frees: bool = False
    frees_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """The limit `name` over `scope`, asked about `question`."""

    name: str
    scope: Condition
    question: Question
    history: History
    now: datetime


class Kind(Protocol):
    """One way to limit. A new one is a class with these three, read in `reading`."""

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
    """For each host what `judge` says of the changes that count with it, in all of its places together.

    `judge` is given the changes, oldest first, and where that is, for people; empty where there is no need to say.
    """
    tally = Tally(by, limited.scope, limited.question, changes)
    found = {}
    for host in limited.question.hosts:
        found[host.name] = together(judge(counted, _where(by, place)) for place, counted in tally.of(host))
    return found


def together(usages: Iterable[Usage]) -> Usage:
    """All of them have to leave room: exceeded if one is, and free when the last one is."""
    exceeded = [usage for usage in usages if usage.exceeded]
    if not exceeded:
        return WITHIN
    return Usage(
        exceeded=True,
        note=exceeded[0].note,
        frees=all(usage.frees for usage in exceeded),
        frees_at=max((usage.frees_at for usage in exceeded if usage.frees_at), default=None),
    )


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
