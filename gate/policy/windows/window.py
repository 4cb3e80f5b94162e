"""Windows of time: when something may be done, and when it must not be; and the rules that windows are.

A window covers something and is open at times. How local times become moments is said once, in `localtime`. A window of
kind `closed` never opens. Pure: `now` is passed in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from gate.policy.language.rule import All, Condition, Leaf, Rule, Verdict, condition_json
from gate.policy.windows.localtime import Span, merged, without
from gate.policy.windows.openings import Openings
from gate.values.clock import stamp

CLOSED = "window/closed"  # the rule for: the windows do not let it through, and it may not wait for them
EARLY = "window/early"  # the rule for: they do not yet, and it may wait
REACH = timedelta(days=400)  # as far as anybody looks ahead
_MOMENT = timedelta(microseconds=1)
_EPOCH, _BLOCK, _MOST_BLOCKS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(days=28), 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Window:
    """`scope` says what it covers, `early` what becomes of a change that it does not let through yet.

    It is open as `openings` say, but for `exceptions`, which are in order and do not overlap.
    """

    name: str
    kind: Literal["allow", "freeze", "closed"]
    scope: Condition
    openings: Openings
    zone: str
    because: str
    place: str
    exceptions: tuple[Span, ...] = ()
    early: Literal["wait", "deny"] = "wait"
    _blocks: dict[int, tuple[Span, ...]] = field(default_factory=dict, repr=False)

    def spans(self, after: datetime, before: datetime) -> Iterator[Span]:
        """When it is open: all that ends later than `after` and begins earlier than `before`, in order.

        They do not overlap, but may touch: what lasts long comes in pieces.
        """
        for number in range((after - _EPOCH) // _BLOCK, (before - _EPOCH) // _BLOCK + 1):
            block = self._block(number)
            for start, end in block[max(0, bisect_left(block, (after,)) - 1) :]:
                if start >= before:
                    return
                if end > after:
                    yield start, end

    def whole(self, after: datetime, before: datetime) -> Iterator[Span]:
        """The same in one piece each, as far as they can be followed for 400 days."""
        for start, end in merged(self.spans(after - REACH, before + REACH)):
            if start >= before:
                return
            if end > after:
                yield start, end

    def is_open(self, now: datetime) -> bool:
        """Whether it is open."""
        return any(True for _ in self.spans(now, now + _MOMENT))

    def next_start(self, now: datetime) -> datetime | None:
        """When it opens next, after `now`; None if that is more than 400 days away."""
        last = now
        for start, end in self.spans(now, now + REACH):
            if start > last:
                return start
            last = end
        return None

    def until(self, now: datetime) -> datetime | None:
        """When it closes, if it is open; None if it is not, or if no end is in sight."""
        last = now
        for start, end in self.spans(now, now + REACH):
            if start > last:
                break
            last = end
        return last if now < last < now + REACH else None

    def shown(self, at: datetime) -> str:
        """A time for people, in the window's zone and in UTC."""
        local = f"{at.astimezone(ZoneInfo(self.zone)):%a %Y-%m-%d %H:%M} {self.zone}"
        return local if self.zone == "UTC" else f"{local} ({at:%Y-%m-%d %H:%M} UTC)"

    def _block(self, number: int) -> tuple[Span, ...]:
        """The spans of some weeks, cut off at their ends. Remembered: most questions are about the same weeks."""
        found = self._blocks.get(number)
        if found is None:
            begin = _EPOCH + number * _BLOCK
            end = begin + _BLOCK
            spans = without(merged(self.openings.spans(begin, end)), self.exceptions)
            cut = ((max(start, begin), min(stop, end)) for start, stop in spans)
            found = tuple((start, stop) for start, stop in cut if start < stop)
            if len(self._blocks) >= _MOST_BLOCKS:
                self._blocks.clear()
            self._blocks[number] = found
        return found

    def as_json(self) -> dict[str, Any]:
        """All that makes this window what it is."""
        return {
            "window": self.name,
            "kind": self.kind,
            "scope": condition_json(self.scope),
            "openings": self.openings.as_json(),
            "exceptions": [[stamp(start), stamp(end)] for start, end in self.exceptions],
            "zone": self.zone,
            "early": self.early,
        }


def window_rules(windows: Iterable[Window]) -> Iterator[Rule]:
    """The rules that windows are: one for each freeze, and two for what all windows together do not let through.

    The fact `early` has to say `wait`, or it is a deny: nothing that a window does not let through waits by mistake.
    """
    windows = list(windows)
    no_wait = Leaf(fact="early", op="ne", value="wait")
    for window in windows:
        if window.kind == "freeze":
            is_open = Leaf(fact=f"window.{window.name}", op="eq", value="open")
            yield Rule(
                id=f"window/{window.name}",
                when=All((window.scope, is_open) if window.early == "deny" else (window.scope, is_open, no_wait)),
                verdict=Verdict.DENY,
                because=window.because or f"The freeze {window.name} is on.",
                place=window.place,
            )
    if windows:
        yield Rule(
            id=CLOSED,
            when=All((Leaf(fact="windows", op="in", value=("closed", "closing")), no_wait)),
            verdict=Verdict.DENY,
            because="This may be done in its windows only, and they do not let it through now.",
            place=windows[0].place,
        )
    places = [window.place for window in windows if window.early == "wait"]
    if places:
        yield Rule(
            id=EARLY,
            when=Leaf(fact="early", op="eq", value="wait"),
            verdict=Verdict.WAIT,
            because="The windows do not let it through yet.",
            place=places[0],
        )
