"""Reads `risk.yml`, the recipe of risk."""

from __future__ import annotations

import re
from datetime import time, timedelta
from pathlib import Path

from gate.policy.language.source import Item, read_yaml
from gate.policy.language.vocabulary import Vocabulary
from gate.policy.language.zone import read_zone
from gate.policy.risk.recipe import MOST, Failures, Hours, Recipe, Share, Step

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST = timedelta(days=92)
_OPEN = ("environment", "criticality")  # any word can be a value of these
_CLOSED = {
    "actor_kind": ("human", "agent", "schedule"),
    "certified": ("yes", "no"),
    "check": ("full", "partial", "none"),
    "reversibility": ("full", "partial", "none"),
}
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def read_recipe(path: Path) -> Recipe:
    """The recipe of `risk.yml`; an empty one if there is no such file.

    Raises:
        PolicyError: with file, line, reason and mend.
    """
    item = read_yaml(path) if path.exists() else None
    if item is None:
        return Recipe()
    keys = item.entries("The recipe of risk", (), (*_OPEN, *_CLOSED, "hosts", "share", "hours", "failures"))
    return Recipe(
        words={factor: _words(factor, inner) for factor, inner in keys.items() if factor in (*_OPEN, *_CLOSED)},
        hosts=_steps(keys["hosts"], 1_000_000, "") if "hosts" in keys else (),
        share=_share(keys["share"]) if "share" in keys else None,
        hours=_hours(keys["hours"]) if "hours" in keys else None,
        failures=_failures(keys["failures"]) if "failures" in keys else None,
    )


def _words(factor: str, item: Item) -> dict[str, int]:
    if factor in _CLOSED:
        keys = item.entries(f"`{factor}`", (), _CLOSED[factor])
    elif isinstance(item.value, dict):
        keys = item.value
    else:
        raise item.error(f"`{factor}` is {item.kind()}.", "It gives points to words.", "Write `{prod: 20}`, say.")
    return {word: _points(inner) for word, inner in keys.items()}


def _steps(item: Item, largest: int, unit: str) -> tuple[Step, ...]:
    found: list[Step] = []
    for entry in item.items("The list of steps"):
        keys = entry.entries("A step", ("from", "points"))
        start = _number(keys["from"], largest, unit)
        if found and start <= found[-1].start:
            raise entry.error("The steps are not in order.", "The last one reached counts.", "Sort them by `from`.")
        found.append(Step(start=start, points=_points(keys["points"])))
    return tuple(found)


def _number(item: Item, largest: int, unit: str) -> int:
    if not unit:
        return item.number("`from`", 1, largest)
    text = item.text("`from`")
    number = text.removesuffix(unit)
    if text.endswith(unit) and number.isascii() and number.isdigit() and 1 <= int(number) <= largest:
        return int(number)
    raise item.error("`from` is no percentage.", f"It is 1{unit} to {largest}{unit}.", f"Write 25{unit}, say.")


def _share(item: Item) -> Share:
    keys = item.entries("`share`", ("steps",), ("of",))
    of = keys["of"].text("`of`") if "of" in keys else ""
    if of and of != "environment" and Vocabulary().find(f"group.{of}") is None:
        raise keys["of"].error(f"{of!r} is no name of a group.", "Letters, digits, _ and - are taken.", "Mend it.")
    return Share(of=of, steps=_steps(keys["steps"], 100, "%"))


def _hours(item: Item) -> Hours:
    keys = item.entries("`hours`", ("zone", "from", "to"), ("days", "inside", "outside"))
    start, end = _clock(keys["from"]), _clock(keys["to"])
    if start >= end:
        raise item.error("`hours` end before they begin.", "`from` is before `to`, on one day.", "Swap the points.")
    days = keys["days"].items("`days`") if "days" in keys else ()
    return Hours(
        zone=read_zone(keys["zone"]),
        days=frozenset(DAYS.index(day.choice("A day", DAYS)) for day in days) if days else frozenset(range(5)),
        start=start,
        end=end,
        inside=_points(keys["inside"]) if "inside" in keys else 0,
        outside=_points(keys["outside"]) if "outside" in keys else 0,
    )


def _clock(item: Item) -> time:
    found = _CLOCK.fullmatch(item.text("A time of day"))
    if found is None:
        raise item.error("This is no time of day.", "It is hours and minutes.", 'Write "08:30", say.')
    return time(int(found[1]), int(found[2]))


def _failures(item: Item) -> Failures:
    keys = item.entries("`failures`", ("within", "each", "most"))
    return Failures(
        within=keys["within"].duration(_LONGEST),
        each=keys["each"].number("`each`", 1, MOST),
        most=keys["most"].number("`most`", 1, MOST),
    )


def _points(item: Item) -> int:
    return item.number("The number of points", -MOST, MOST)
