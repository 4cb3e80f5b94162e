"""Reads `windows.yml`: what each entry covers, and when it is open: by cron, a recurrence rule, dates, or a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gate.policy.language.scope import read_scope
from gate.policy.language.source import NAME, Item, read_yaml
from gate.policy.language.zone import read_zone
from gate.policy.windows.openings import NEVER
from gate.policy.windows.times import TIMES, read_exceptions, read_openings
from gate.policy.windows.window import CLOSED, EARLY, Window


def read_windows(path: Path) -> tuple[Window, ...]:
    """The windows of `windows.yml`; none if there is no such file.

    Raises:
        PolicyError: with file, line, reason and mend.
    """
    item = read_yaml(path) if path.exists() else None
    found: dict[str, Window] = {}
    for entry in item.items("windows.yml") if item else ():
        window = _window(entry, path.parent)
        if window.name in found:
            raise entry.error(f"The window {window.name!r} is there twice.", "Names are unique.", "Rename one.")
        found[window.name] = window
    return tuple(found.values())


def _window(item: Item, folder: Path) -> Window:
    if isinstance(item.value, dict) and "closed" in item.value:
        keys = item.entries("A closed entry", ("closed",), ("applies", "undo", "early", "because"))
        return Window(kind="closed", openings=NEVER, zone="UTC", **_common(item, keys, "closed"))
    optional = (*TIMES, "start", "duration", "except", "applies", "undo", "early", "because")
    keys = item.entries("A window", ("window", "kind", "zone"), optional)
    zone = read_zone(keys["zone"])
    return Window(
        kind="freeze" if keys["kind"].choice("`kind`", ("allow", "freeze")) == "freeze" else "allow",
        openings=read_openings(item, keys, zone, folder),
        zone=zone,
        exceptions=read_exceptions(keys["except"], zone) if "except" in keys else (),
        **_common(item, keys, "window"),
    )


def _common(item: Item, keys: Mapping[str, Item], key: str) -> dict[str, Any]:
    name = keys[key].text("the name of a window", NAME)
    if f"window/{name}" in (CLOSED, EARLY):
        raise item.error(f"No window can be named {name!r}.", f"window/{name} is a rule of the gate.", "Rename it.")
    freezes = "kind" in keys and keys["kind"].value == "freeze"
    early = keys["early"].choice("`early`", ("wait", "deny")) if "early" in keys else "deny" if freezes else "wait"
    return {
        "name": name,
        "scope": read_scope(keys.get("applies"), keys.get("undo")),
        "early": early,
        "because": keys["because"].text("`because`") if "because" in keys else "",
        "place": f"{item.file}:{item.line}",
    }
