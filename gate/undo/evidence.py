"""The evidence of a change: what `do` recorded on each host before it changed anything there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gate.ledger.entry import Entry

KIND = "evidence"


def collect(entries: Iterable[Entry]) -> dict[str, Any]:
    """Host -> recorded state, from the ledger entries of one change."""
    return {entry.data["host"]: entry.data["undo"] for entry in entries if entry.kind == KIND}


def resources(recorded: Any) -> frozenset[str] | None:
    """What was touched on a host, as the playbook named it in `resources`; None means: it could be anything."""
    named = recorded.get("resources") if isinstance(recorded, Mapping) else None
    if isinstance(named, list) and named and all(isinstance(one, str) for one in named):
        return frozenset(named)
    return None
