"""A warrant: everything that the executor needs to know, and nothing that it may choose."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from gate.values.canonical import canonical
from gate.values.clock import from_stamp, stamp


class Phase(StrEnum):
    """What kind of run it is for."""

    CHECK = "check"  # do.yml with --check --diff
    DO = "do"
    VERIFY = "verify"
    UNDO = "undo"
    CHECK_UNDO = "check-undo"  # undo.yml with --check --diff

    @property
    def only_looks(self) -> bool:
        """Whether it is a preview, which changes nothing."""
        return self in {Phase.CHECK, Phase.CHECK_UNDO}

    @property
    def takes_back(self) -> bool:
        """Whether it is of undo.yml, which is given the evidence."""
        return self in {Phase.UNDO, Phase.CHECK_UNDO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Warrant:
    """Run `phase` of the action in `folder` (if its digest is `action_digest`) on exactly `hosts`.

    `parameters` is complete; `evidence` maps a host to what `do` recorded there (for undo only).
    `inventory` is a path, believed only if its digest is `inventory_digest`. Times are aware UTC. After `timeout_s`
    seconds the run is asked to stop, and `grace_s` later it is killed. On the hosts of `local` tasks are processes
    of this machine.
    """

    run_id: str
    change_id: str
    phase: Phase
    action: str
    folder: str
    action_digest: str
    inventory: str
    inventory_digest: str
    hosts: tuple[str, ...]
    parameters: dict[str, Any]
    evidence: dict[str, Any]
    timeout_s: int
    not_before: datetime
    expires_at: datetime
    nonce: str
    grace_s: int = 10
    local: tuple[str, ...] = ()

    def text(self) -> str:
        """Its canonical JSON: what is signed."""
        plain = asdict(self)
        plain |= {
            "version": 1,
            "phase": self.phase.value,
            "hosts": list(self.hosts),
            "local": list(self.local),
            "not_before": stamp(self.not_before),
            "expires_at": stamp(self.expires_at),
        }
        return canonical(plain)

    @classmethod
    def parse(cls, text: str) -> Warrant:
        """The inverse of `text`. Raises ValueError, TypeError or KeyError for anything else."""
        plain = json.loads(text)
        if plain.pop("version") != 1:
            raise ValueError("unknown version of a warrant")
        plain |= {
            "phase": Phase(plain["phase"]),
            "hosts": tuple(plain["hosts"]),
            "local": tuple(plain["local"]),
            "not_before": from_stamp(plain["not_before"]),
            "expires_at": from_stamp(plain["expires_at"]),
        }
        return cls(**plain)
