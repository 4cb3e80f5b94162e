"""Reads `history` and `resets` of a case: a past that is made up, told as times before the case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gate.policy.language.source import Item
from gate.policy.question import History, Host, Past
from gate.policy.tables.values import actor, ago, names

_PAST = ("ago", "actor", "action", "hosts", "times", "state", "started", "finished", "failed", "environment", "groups")
_STATES = ("succeeded", "failed", "running", "waiting", "ready", "unknown", "undoing", "undone", "undo_failed")


def read_history(given: Mapping[str, Item], at: datetime) -> History:
    """The past that a case makes up, as times before `at`. Raises PolicyError."""
    changes: list[Past] = []
    for entry in given["history"].items("`history`") if "history" in given else ():
        keys = entry.entries("A past change", ("ago", "actor", "action", "hosts"), _PAST)
        times = keys["times"].number("`times`", 1, 10_000) if "times" in keys else 1
        changes += [_past(keys, at, f"past-{len(changes) + number}") for number in range(times)]
    resets = given["resets"].items("`resets`") if "resets" in given else ()
    return History(changes=tuple(changes), resets=dict(_reset(one, at) for one in resets))


def _past(keys: Mapping[str, Item], at: datetime, name: str) -> Past:
    hosts = tuple(one.text("the name of a host") for one in keys["hosts"].items("`hosts`"))
    state = keys["state"].choice("`state`", _STATES) if "state" in keys else "succeeded"
    where = keys["environment"].text("`environment`") if "environment" in keys else "none"
    groups = names(keys, "groups")
    known = "environment" in keys or "groups" in keys
    return Past(
        id=name,
        at=at - ago(keys["ago"]),
        actor=str(actor(keys["actor"])),
        action=keys["action"].text("the name of an action"),
        hosts=hosts,
        state=state,
        started_at=at - ago(keys["started"]) if "started" in keys else None,
        finished_at=at - ago(keys["finished"]) if "finished" in keys else None,
        failed_at=at - ago(keys["failed"]) if "failed" in keys else None,
        known={host: Host(name=host, groups=groups, environment=where) for host in hosts} if known else {},
    )


def _reset(item: Item, at: datetime) -> tuple[tuple[str, str], datetime]:
    keys = item.entries("A reset", ("limit", "key", "ago"))
    key = keys["key"].value
    return (keys["limit"].text("the name of a limit"), str(key)), at - ago(keys["ago"])
