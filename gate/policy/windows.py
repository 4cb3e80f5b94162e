"""Windows of time: a cron line says when one starts, a duration how long it stays open, a zone whose clock it is.

One definition everywhere: it starts once a day at most where the clock is turned back, a start that the clock skips
moves to the end of the gap, and the duration is time that really passes. Pure: `now` is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from gate.policy.rule import All, Condition, Leaf, Rule, Verdict, condition_json
from gate.policy.scope import read_scope
from gate.policy.source import Item, read_yaml
from gate.values.clock import duration

NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
CLOSED = "window/closed"  # the rule for: covered by windows of kind allow, and none of them is open
_LONGEST = timedelta(days=92)
_MERGED = 1000  # windows that follow each other without a gap are followed this far
_DAY = r"(?:sun|mon|tue|wed|thu|fri|sat)"
_WEEKDAYS = re.compile(rf"\*|{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*", re.IGNORECASE)
_ZONE = re.compile(r"UTC|[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){1,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Open for `duration` from each start; `scope` says what it covers."""

    name: str
    kind: Literal["allow", "freeze"]
    scope: Condition
    cron: str
    duration: timedelta
    zone: str
    because: str
    place: str

    def is_open(self, now: datetime) -> bool:
        return next((start <= now for start in self.starts(now - self.duration)), False)

    def next_start(self, now: datetime) -> datetime | None:
        """The first start after `now`, in UTC; None if there is none in the next decades."""
        return next(self.starts(now), None)

    def until(self, now: datetime) -> datetime | None:
        """When it closes, if it is open; None if it is not, or if no end is in sight."""
        end = now
        for start in islice(self.starts(now - self.duration), _MERGED):
            if start > end:
                return end if end > now else None
            end = start + self.duration
        return None

    def starts(self, after: datetime) -> Iterator[datetime]:
        """Every start later than `after`, in UTC. Compared in UTC: local times compare by the wall clock."""
        for local in CronSim(self.cron, after.astimezone(ZoneInfo(self.zone))):
            start = local.astimezone(UTC)
            if start > after:
                yield start

    def shown(self, at: datetime) -> str:
        """A time for people, in the window's zone and in UTC."""
        local = f"{at.astimezone(ZoneInfo(self.zone)):%a %Y-%m-%d %H:%M} {self.zone}"
        return local if self.zone == "UTC" else f"{local} ({at:%Y-%m-%d %H:%M} UTC)"

    def as_json(self) -> dict[str, Any]:
        """All that makes this window what it is."""
        return {
            "window": self.name,
            "kind": self.kind,
            "scope": condition_json(self.scope),
            "cron": self.cron,
            "duration_s": int(self.duration.total_seconds()),
            "zone": self.zone,
        }


def window_rules(windows: Iterable[Window]) -> Iterator[Rule]:
    """The deny rules that windows are: one for each freeze, one for all windows of kind allow together."""
    windows = list(windows)
    for window in windows:
        if window.kind == "freeze":
            is_open = Leaf(fact=f"window.{window.name}", op="eq", value="open")
            yield Rule(
                id=f"window/{window.name}",
                when=All((window.scope, is_open)),
                verdict=Verdict.DENY,
                because=window.because or f"The freeze {window.name} is on.",
                place=window.place,
            )
    places = [window.place for window in windows if window.kind == "allow"]
    if places:
        yield Rule(
            id=CLOSED,
            when=Leaf(fact="windows", op="eq", value="closed"),
            verdict=Verdict.DENY,
            because="This may be done in its windows only, and none of them is open.",
            place=places[0],
        )


def read_windows(path: Path) -> tuple[Window, ...]:
    """The windows of `windows.yml`; none if there is no such file.

    Raises:
        PolicyError: with file, line, reason and mend.
    """
    item = read_yaml(path) if path.exists() else None
    found: dict[str, Window] = {}
    for entry in item.items("windows.yml") if item else ():
        window = _window(entry)
        if window.name in found:
            raise entry.error(f"The window {window.name!r} is there twice.", "Names are unique.", "Rename one.")
        found[window.name] = window
    return tuple(found.values())


def _window(item: Item) -> Window:
    keys = item.entries("A window", ("window", "kind", "cron", "duration", "zone"), ("applies", "undo", "because"))
    name = keys["window"].text("the name of a window", NAME)
    if name == "closed":
        raise item.error("No window can be named 'closed'.", f"{CLOSED} names a rule of the gate.", "Rename it.")
    window = Window(
        name=name,
        kind="freeze" if keys["kind"].choice("`kind`", ("allow", "freeze")) == "freeze" else "allow",
        scope=read_scope(keys.get("applies"), keys.get("undo")),
        cron=_cron(keys["cron"]),
        duration=read_duration(keys["duration"], _LONGEST),
        zone=_zone(keys["zone"]),
        because=keys["because"].text("`because`") if "because" in keys else "",
        place=f"{item.file}:{item.line}",
    )
    if next(window.starts(datetime(2024, 1, 1, tzinfo=UTC)), None) is None:
        raise keys["cron"].error(f"{window.cron!r} never comes.", "No calendar has that day.", "Mend the date.")
    return window


def read_duration(item: Item, longest: timedelta) -> timedelta:
    """A duration such as 4h, up to `longest`."""
    try:
        found = duration(item.text("A duration"))
    except ValueError as wrong:
        raise item.error("This is no duration.", f"{wrong}.", "Write for example 4h.") from None
    if found > longest:
        raise item.error("This is too long.", f"{longest.days} days are the most.", "Write a shorter one.")
    return found


def _cron(item: Item) -> str:
    fields = item.text("`cron`").split()
    if len(fields) != 5:
        raise item.error(
            f"`cron` has {len(fields)} fields.", "It is minute, hour, day of month, month, weekday.", "Write five."
        )
    if _WEEKDAYS.fullmatch(fields[4]) is None:
        raise item.error(
            f"The weekday {fields[4]!r} is not taken.",
            "Tools count weekdays from different days, so a number means different days to different people.",
            "Write names: mon-fri, or sat,sun.",
        )
    if fields[2] != "*" and fields[4] != "*":
        raise item.error(
            "`cron` has both a day of the month and a weekday.",
            "Some tools take that as `and`, some as `or`.",
            "Keep one of them; write two windows if both are meant.",
        )
    try:
        CronSim(" ".join(fields), datetime(2024, 1, 1, tzinfo=UTC))
    except CronSimError as wrong:
        raise item.error("`cron` cannot be read.", f"{wrong}.", "Mend that field.") from None
    return " ".join(fields)


def _zone(item: Item) -> str:
    name = item.text("`zone`")
    if _ZONE.fullmatch(name) is None or not _is_zone(name):
        raise item.error(
            f"There is no zone {name!r}.", "Zones are names of the IANA list.", "Write Europe/Berlin, say, or UTC."
        )
    return name


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
