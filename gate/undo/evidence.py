"""The evidence of a change: what `do` recorded on each host before it changed anything there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gate.ledger.entry import Entry

KIND = "evidence"


def collect(entries: Iterable[Entry]) -> dict[str, Any]:
    """Host -> recorded state, from the ledger entries of one change."""
    return {entry.data["host"]: entry.data["undo"] for entry in entries if entry.kind == KIND}


def overlap(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    """Whether two changes touched the same thing. A name that ends with a slash stands for all below it, too."""
    return bool(ours & theirs) or any(_below(one, theirs) for one in ours) or any(_below(one, ours) for one in theirs)


def _below(folder: str, names: frozenset[str]) -> bool:
    return folder.endswith("/") and any(name.startswith(folder) for name in names)


def resources(recorded: Any) -> frozenset[str] | None:
    """What was touched on a host, as the playbook named it in `resources`; None means: it could be anything."""
    named = recorded.get("resources") if isinstance(recorded, Mapping) else None
    if isinstance(named, list) and named and all(isinstance(one, str) for one in named):
        return frozenset(named)
    return None
