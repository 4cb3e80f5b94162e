"""One entry of the ledger: canonical JSON, so that its hash means something. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gate.ledger.tree import leaf_hash
from gate.values.canonical import canonical
from gate.values.clock import stamp
from gate.values.errors import TamperedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Entry number `seq` (from 1): at `at` (a stamp), `actor` did or saw `kind`, about `change_id`."""

    seq: int
    at: str
    kind: str
    change_id: str | None
    actor: str
    data: Mapping[str, Any]

    @classmethod
    def new(
        cls, seq: int, kind: str, actor: str, data: Mapping[str, Any], *, now: datetime, change_id: str | None = None
    ) -> Entry:
        return cls(seq=seq, at=stamp(now), kind=kind, change_id=change_id, actor=actor, data=data)

    @classmethod
    def parse(cls, body: str) -> Entry:
        """The entry of a stored body.

        Raises:
            TamperedError: it is not the canonical JSON of an entry.
        """
        try:
            entry = cls(**json.loads(body))
            if entry.body() == body:
                return entry
        except (ValueError, TypeError):
            pass
        raise TamperedError(
            "A line of the ledger is no entry.",
            f"It is not the canonical form of one: {body[:80]!r}.",
            "Restore the ledger from a backup or an export that verifies.",
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "seq": self.seq,
            "at": self.at,
            "kind": self.kind,
            "change_id": self.change_id,
            "actor": self.actor,
            "data": dict(self.data),
        }

    def body(self) -> str:
        return canonical(self.as_json())

    def leaf(self) -> bytes:
        return leaf_hash(self.body().encode())
