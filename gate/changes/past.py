"""What limits and risk have to know of earlier changes, and only that: a few columns, found by index.

A deciding transaction reads this. The hosts are described as they were when the change was decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, select, true, union

from gate.changes.model import AT_REST, LOOKS, State
from gate.database.tables import breaker_resets, change_hosts, changes, runs
from gate.values.clock import from_stamp, stamp

OPEN = sorted(state.value for state in (frozenset(State) - AT_REST) | {State.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A host as it was when a change on it was decided. `environment` is None where that was not stored."""

    environment: str | None
    criticality: str | None
    groups: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Which changes: those that moved after a time, of the actor, of the action, on the hosts, or any; those that
    failed after a time, of the actor, of the action, or on the hosts; all that are not at rest. None leaves a kind out.
    """

    actor: datetime | None = None
    action: datetime | None = None
    target: datetime | None = None
    every: datetime | None = None
    failed_actor: datetime | None = None
    failed_action: datetime | None = None
    failed_target: datetime | None = None
    open: bool = False


@dataclass(slots=True, kw_only=True)
class Earlier:
    """One earlier change. It began at `started_at`, and came to rest at `updated_at`, if it has."""

    id: str
    state: str
    actor: str
    action: str
    undo_of: str | None
    created_at: datetime
    updated_at: datetime
    failed_at: datetime | None
    started_at: datetime | None
    hosts: dict[str, Place] = field(default_factory=dict)


def read(connection: Connection, reach: Reach, *, actor: str, action: str, hosts: Sequence[str]) -> list[Earlier]:
    """The changes within `reach` that were not denied."""
    # asked for each change, so that what is recent is looked through, not all that was ever done on these hosts
    here = and_(change_hosts.c.change_id == changes.c.id, change_hosts.c.host.in_(hosts))
    ours = {
        "actor": changes.c.actor == actor,
        "action": changes.c.action == action,
        "target": exists().where(here).correlate(changes),
    }
    wanted = [
        (changes.c.updated_at, reach.actor, ours["actor"]),
        (changes.c.updated_at, reach.action, ours["action"]),
        (changes.c.updated_at, reach.target, ours["target"]),
        (changes.c.updated_at, reach.every, true()),
        (changes.c.failed_at, reach.failed_actor, ours["actor"]),
        (changes.c.failed_at, reach.failed_action, ours["action"]),
        (changes.c.failed_at, reach.failed_target, ours["target"]),
    ]
    parts = [and_(at > stamp(since), of) for at, since, of in wanted if since is not None]
    if reach.open:
        parts.append(changes.c.state.in_(OPEN))
    return _read(connection, parts)


def failed(connection: Connection) -> list[Earlier]:
    """Every change that failed, ever."""
    return _read(connection, [changes.c.failed_at.is_not(None)])


def resets(connection: Connection) -> dict[tuple[str, str], datetime]:
    """When each breaker was reset last: (breaker, key) -> time."""
    rows = connection.execute(select(breaker_resets.c.breaker, breaker_resets.c.key, breaker_resets.c.at))
    return {(row.breaker, row.key): from_stamp(row.at) for row in rows}


def reset(connection: Connection, breaker: str, key: str, *, now: datetime) -> None:
    """Stores that a breaker was reset."""
    table = breaker_resets
    connection.execute(delete(table).where(table.c.breaker == breaker, table.c.key == key))
    connection.execute(insert(table).values(breaker=breaker, key=key, at=stamp(now)))


def described(name: str, environment: str, criticality: str, groups: frozenset[str]) -> Mapping[str, str]:
    """The columns that keep what a host was like; group names have no spaces."""
    return {"host": name, "environment": environment, "criticality": criticality, "groups": " ".join(sorted(groups))}


def _read(connection: Connection, parts: Sequence[ColumnElement[bool]]) -> list[Earlier]:
    if not parts:
        return []
    # a union of selects, because each of them has its index, and an OR over them has none
    ids = union(*(select(changes.c.id).where(part, changes.c.state != State.DENIED.value) for part in parts)).subquery()
    began = (
        select(runs.c.change_id, func.min(runs.c.started_at).label("at"))
        .where(runs.c.change_id.in_(select(ids.c.id)), runs.c.phase.not_in(LOOKS))
        .group_by(runs.c.change_id)
        .subquery()
    )
    rows = connection.execute(
        select(
            changes.c.id,
            change_hosts.c.host,
            change_hosts.c.environment,
            change_hosts.c.criticality,
            change_hosts.c.groups,
            changes.c.state,
            changes.c.actor,
            changes.c.action,
            changes.c.undo_of,
            changes.c.created_at,
            changes.c.updated_at,
            changes.c.failed_at,
            began.c.at,
        )
        .join(ids, ids.c.id == changes.c.id)
        .join(change_hosts, change_hosts.c.change_id == changes.c.id)
        .outerjoin(began, began.c.change_id == changes.c.id)
    )
    found: dict[str, Earlier] = {}
    for change_id, host, environment, criticality, groups, *about in rows:
        earlier = found.get(change_id)
        if earlier is None:
            earlier = found[change_id] = _earlier(change_id, *about)
        earlier.hosts[host] = _place(environment, criticality, groups)
    return list(found.values())


def _earlier(
    change_id: str,
    state: str,
    actor: str,
    action: str,
    undo_of: str | None,
    made: str,
    moved: str,
    failed_at: str | None,
    began: str | None,
) -> Earlier:
    return Earlier(
        id=change_id,
        state=state,
        actor=actor,
        action=action,
        undo_of=undo_of,
        created_at=datetime.fromisoformat(made),  # a stamp, and ten times as fast as `from_stamp`
        updated_at=datetime.fromisoformat(moved),
        failed_at=datetime.fromisoformat(failed_at) if failed_at else None,
        started_at=datetime.fromisoformat(began) if began else None,
    )


@lru_cache(maxsize=4096)
def _place(environment: str | None, criticality: str | None, groups: str | None) -> Place:
    return Place(environment=environment, criticality=criticality, groups=frozenset((groups or "").split()))
