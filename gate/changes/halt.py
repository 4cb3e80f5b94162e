"""The kill switch: a row that stands there while nothing may start; who starts something asks in its transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from gate.database import tables
from gate.values.clock import from_stamp, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Since when, by whom and why nothing may start. `force`: nothing is taken back either."""

    at: datetime
    actor: str
    reason: str
    force: bool

    def as_json(self) -> dict[str, Any]:
        return {"at": self.at.isoformat(), "actor": self.actor, "reason": self.reason, "force": self.force}


def standing(connection: Connection) -> Halt | None:
    """The halt that stands now."""
    row = connection.execute(select(tables.halt)).one_or_none()
    if row is None:
        return None
    return Halt(at=from_stamp(row.at), actor=row.actor, reason=row.reason, force=bool(row.force))


def put(connection: Connection, halt: Halt) -> None:
    """Lets `halt` stand, in place of one that stood."""
    lift(connection)
    values = {"id": 1, "at": stamp(halt.at), "actor": halt.actor, "reason": halt.reason, "force": int(halt.force)}
    connection.execute(insert(tables.halt).values(**values))


def lift(connection: Connection) -> None:
    """Lets things start again."""
    connection.execute(delete(tables.halt))
