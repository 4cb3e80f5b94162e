"""Reads `expect` of a case: what the decision has to be, as far as the case says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate.policy.language.rule import Verdict
from gate.policy.language.source import Item
from gate.policy.tables.tables import Expected
from gate.policy.tables.values import ago, moment, texts


def read_expected(item: Item) -> Expected:
    """What a case expects. Raises PolicyError."""
    keys = item.entries("`expect`", ("verdict",), ("rules", "silent", "approvals", "opens_at"))
    verdicts = [verdict.value for verdict in Verdict if verdict.value != "wait"]
    opens = keys.get("opens_at")
    return Expected(
        verdict=Verdict(keys["verdict"].choice("`verdict`", verdicts)),
        rules=texts(keys, "rules"),
        silent=texts(keys, "silent"),
        approvals=tuple(_approval(one) for one in keys["approvals"].items("`approvals`"))
        if "approvals" in keys
        else None,
        opens_at=None if opens is None else "never" if opens.value == "never" else moment(opens),
    )


def _approval(item: Item) -> Mapping[str, Any]:
    keys = item.entries("An approval", ("from",), ("count", "expires", "or", "escalate"))
    found: dict[str, Any] = {"group": keys["from"].text("the name of a group")}
    if "count" in keys:
        found["count"] = keys["count"].number("`count`", 1, 100)
    if "expires" in keys:
        found["expires_s"] = int(ago(keys["expires"]).total_seconds())
    if "or" in keys:
        found["or"] = [
            {
                "group": one["from"].text("a group"),
                "count": one["count"].number("`count`", 1, 100) if "count" in one else 1,
            }
            for one in (entry.entries("An alternative", ("from",), ("count",)) for entry in keys["or"].items("`or`"))
        ]
    if "escalate" in keys:
        one = keys["escalate"].entries("`escalate`", ("after", "to"))
        found["escalate"] = {"after_s": int(ago(one["after"]).total_seconds()), "to": one["to"].text("a group")}
    return found
