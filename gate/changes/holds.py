"""Holds: "this host is taken by this change". Released only when what happened there is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from gate.changes.model import Change, State, WaitingFor
from gate.database.tables import change_hosts, changes, holds
from gate.values.clock import stamp


def blockers(connection: Connection, change: Change) -> dict[str, str]:
    """Which hosts of `change` are not free for it: host -> the change that has it, or that waits for it longer."""
    taken = connection.execute(
        select(holds.c.host, holds.c.change_id).where(holds.c.host.in_(change.hosts), holds.c.change_id != change.id)
    )
    found = dict(taken.all())
    earlier = connection.execute(
        select(change_hosts.c.host, changes.c.id)
        .join(changes, changes.c.id == change_hosts.c.change_id)
        .where(
            change_hosts.c.host.in_(change.hosts),
            changes.c.id < change.id,
            changes.c.state == State.WAITING.value,
            changes.c.waiting_for == WaitingFor.HOLD.value,
        )
        .order_by(changes.c.id.desc())
    )
    return dict(earlier.all()) | found


def take(connection: Connection, change_id: str, hosts: Sequence[str], *, now: datetime) -> None:
    """Takes all the hosts. A host that is taken makes the whole transaction fail: the primary key says so."""
    have = set(connection.execute(select(holds.c.host).where(holds.c.change_id == change_id)).scalars())
    rows = [{"host": host, "change_id": change_id, "since": stamp(now)} for host in hosts if host not in have]
    if rows:
        connection.execute(insert(holds), rows)


def release(connection: Connection, change_id: str) -> None:
    """Gives back every host that this change has."""
    connection.execute(delete(holds).where(holds.c.change_id == change_id))


def of_change(connection: Connection, change_id: str) -> list[str]:
    """The hosts that this change has taken."""
    return list(connection.execute(select(holds.c.host).where(holds.c.change_id == change_id)).scalars())
