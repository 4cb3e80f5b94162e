"""What a yes is bound to: one digest over everything that will decide what happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gate.values.canonical import digest


def binding(
    *,
    intent: Mapping[str, Any],
    parameters: Mapping[str, Any],
    action_digest: str,
    undo_digest: str,
    hosts: Sequence[str],
    inventory_digest: str,
    generation: str,
    preview: str | None,
) -> str:
    """The digest. Whatever of these is different at the start voids the approval."""
    return digest(
        {
            "version": 1,
            "intent": dict(intent),
            "parameters": dict(parameters),
            "action": action_digest,
            "undo": undo_digest,
            "hosts": sorted(hosts),
            "inventory": inventory_digest,
            "policy": generation,
            "preview": preview,
        }
    )
