"""An action of the catalog, as the rest of the gate sees it: frozen, and bound to the bytes it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from gate.catalog.parameters import ParameterSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Where an action may run: on hosts of one of `groups` (none named: of any), `max_hosts` at once."""

    groups: tuple[str, ...] = ()
    max_hosts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One entry of the catalog. `digest` is over the whole folder, `undo_digest` over undo.yml."""

    name: str
    summary: str
    description: str
    risk: int
    targets: Targets
    reversibility: str
    reversibility_reason: str
    check: str
    on_failure: str
    timeout_s: int
    grace_s: int
    undo_window: timedelta
    collections: tuple[str, ...]
    owner: str
    phrases: tuple[str, ...]
    parameters: ParameterSchema
    folder: Path
    digest: str
    undo_digest: str
    has_verify: bool
    readme: str

    @property
    def has_undo(self) -> bool:
        """Whether there is anything that takes it back."""
        return self.reversibility != "none"

    def as_json(self) -> dict[str, Any]:
        """Plain JSON data for doors and models; `parameters` is a JSON Schema, times are seconds."""
        return {
            "name": self.name,
            "summary": self.summary,
            "description": self.description,
            "phrases": list(self.phrases),
            "parameters": self.parameters.json_schema(),
            "risk": self.risk,
            "reversibility": self.reversibility,
            "reversibility_reason": self.reversibility_reason,
            "targets": {"groups": list(self.targets.groups), "max_hosts": self.targets.max_hosts},
            "check": self.check,
            "on_failure": self.on_failure,
            "timeout_s": self.timeout_s,
            "grace_s": self.grace_s,
            "undo_window_s": int(self.undo_window.total_seconds()),
            "collections": list(self.collections),
            "owner": self.owner,
            "has_verify": self.has_verify,
            "readme": self.readme,
            "digest": self.digest,
            "undo_digest": self.undo_digest,
        }
