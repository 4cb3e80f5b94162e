"""The small things that cases say: names, times, actors, yes and no. Each raises PolicyError with file and line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gate.policy.language.source import Item
from gate.policy.language.vocabulary import YES_NO
from gate.values.actor import Actor
from gate.values.clock import duration


def plain_value(item: Item) -> Any:
    """What was written, as plain Python data."""
    match item.value:
        case tuple() as many:
            return [plain_value(one) for one in many]
        case dict() as keys:
            return {key: plain_value(one) for key, one in keys.items()}
        case value:
            return value


def texts(keys: Mapping[str, Item], name: str) -> tuple[str, ...]:
    """The names of rules of a key; none if it is not there."""
    return tuple(one.text("the name of a rule") for one in keys[name].items(f"`{name}`")) if name in keys else ()


def names(keys: Mapping[str, Item], name: str) -> frozenset[str]:
    """The names of a key, each once; none if it is not there."""
    if name not in keys:
        return frozenset()
    return frozenset(one.text(f"a name under `{name}`") for one in keys[name].items(f"`{name}`"))


def yes(given: Mapping[str, Item], name: str) -> bool:
    """Whether a key says yes; no if it is not there."""
    return name in given and given[name].choice(f"`{name}`", YES_NO) == "yes"


def actor(item: Item) -> Actor:
    """`agent:planner` as an actor."""
    try:
        return Actor.parse(item.text("`actor`"))
    except ValueError as wrong:
        raise item.error("This is no actor.", f"{wrong}.", "Write agent:planner, say, or human:ann.") from None


def moment(item: Item) -> datetime:
    """A time with a zone, in UTC."""
    try:
        found = datetime.fromisoformat(item.text("a time"))
    except ValueError:
        found = datetime.min  # noqa: DTZ901 - it has no zone, and so is refused
    if found.tzinfo is None:
        raise item.error(
            f"{item.value!r} is no time with a zone.", "A case is decided at one moment.", "Write 2026-11-23T12:00:00Z."
        )
    return found.astimezone(UTC)


def ago(item: Item) -> timedelta:
    """A duration."""
    try:
        return duration(item.text("a duration"))
    except ValueError as wrong:
        raise item.error("This is no duration.", f"{wrong}.", "Write 10m, say.") from None
