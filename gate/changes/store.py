"""Rows of changes. Every move is guarded by the state it comes from: two movers cannot both win."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update

from gate.changes.model import LOOKS, Change, State, WaitingFor, check_move
from gate.database.tables import change_hosts, changes, runs
from gate.intent import Intent
from gate.values.actor import Actor
from gate.values.canonical import canonical
from gate.values.clock import from_stamp, stamp
from gate.values.errors import NotFoundError, StateError

# when a change did its first deed; one without any, when it was made
_began: ColumnElement[str] = func.coalesce(
    select(func.min(runs.c.started_at))
    .where(runs.c.change_id == changes.c.id, runs.c.phase.not_in(LOOKS))
    .correlate(changes)
    .scalar_subquery(),
    changes.c.created_at,
)


def add(connection: Connection, change: Change, described: Iterable[Mapping[str, str]] = ()) -> None:
    """Stores a new change. `described` says what its hosts are like now; see `past.described`."""
    row = {
        "id": change.id,
        "state": change.state.value,
        "waiting_for": change.waiting_for,
        "actor": str(change.actor),
        "intent": canonical(change.intent.as_json()),
        "parameters": canonical(dict(change.parameters)),
        "hosts": canonical(list(change.hosts)),
        "action_digest": change.action_digest,
        "decision": canonical(dict(change.decision)),
        "binding": change.binding,
        "preview": change.preview,
        "undo_of": change.undo_of,
        "request_key": change.request_key,
        "executor": change.executor,
        "created_at": stamp(change.created_at),
        "updated_at": stamp(change.updated_at),
        "action": change.intent.action,
    }
    connection.execute(insert(changes), row)
    known = {host["host"]: host for host in described}
    unknown = {"environment": None, "criticality": None, "groups": None}
    rows = [{"change_id": change.id, "host": host, **known.get(host, unknown)} for host in change.hosts]
    connection.execute(insert(change_hosts), rows)


def get(connection: Connection, change_id: str) -> Change:
    """The change of this id, or of an unambiguous beginning of it.

    Raises:
        NotFoundError: none, or several.
    """
    begins = changes.c.id.startswith(change_id, autoescape=True)
    # everything begins with nothing; that names no change
    possible = bool(change_id) and change_id.isascii() and change_id.isprintable()
    rows = connection.execute(select(changes).where(begins).order_by(changes.c.id).limit(3)).all() if possible else []
    exact = [row for row in rows if row.id == change_id]
    if len(exact or rows) == 1:
        return _change((exact or rows)[0])
    raise NotFoundError(
        f"There is no change {change_id!r}." if not rows else f"{change_id!r} could be several changes.",
        "No id begins like this." if not rows else f"For example {rows[0].id} and {rows[1].id}.",
        "gate changes list shows their ids.",
    )


def by_key(connection: Connection, actor: Actor, key: str) -> Change | None:
    """The change that this actor made under this request key."""
    row = connection.execute(
        select(changes).where(changes.c.actor == str(actor), changes.c.request_key == key)
    ).one_or_none()
    return _change(row) if row else None


def in_states(connection: Connection, states: Iterable[State]) -> list[Change]:
    """Changes in any of the states, oldest first."""
    names = [state.value for state in states]
    rows = connection.execute(select(changes).where(changes.c.state.in_(names)).order_by(changes.c.id))
    return [_change(row) for row in rows]


def latest(connection: Connection, count: int, state: State | None = None, host: str | None = None) -> list[Change]:
    """The newest changes, newest first."""
    query = select(changes).order_by(changes.c.id.desc()).limit(count)
    if state is not None:
        query = query.where(changes.c.state == state.value)
    if host is not None:
        query = query.where(changes.c.id.in_(select(change_hosts.c.change_id).where(change_hosts.c.host == host)))
    return [_change(row) for row in connection.execute(query)]


def since(connection: Connection, after: datetime) -> list[Change]:
    """Changes made after `after` that were not denied, oldest first."""
    rows = connection.execute(
        select(changes)
        .where(changes.c.created_at > stamp(after), changes.c.state != State.DENIED.value)
        .order_by(changes.c.id)
    )
    return [_change(row) for row in rows]


def later_on(connection: Connection, change: Change) -> list[Change]:
    """Changes that share a host with `change` and began after it did, in the order in which they began.

    One that waited for people can begin after one that was proposed later.
    """
    mine = connection.execute(select(_began).where(changes.c.id == change.id)).scalar_one()
    after = or_(_began > mine, and_(_began == mine, changes.c.id > change.id))
    return _on(connection, change.hosts, after)


def carried_out_on(connection: Connection, hosts: Collection[str], since: Collection[str]) -> list[Change]:
    """The changes on one of `hosts` from the first that began of those in `since`, in the order in which they began."""
    first = min(connection.execute(select(_began).where(changes.c.id.in_(since))).scalars())
    return _on(connection, hosts, _began >= first)


def _on(connection: Connection, hosts: Collection[str], which: ColumnElement[bool]) -> list[Change]:
    shared = select(change_hosts.c.change_id).where(change_hosts.c.host.in_(hosts))
    rows = connection.execute(select(changes).where(which, changes.c.id.in_(shared)).order_by(_began, changes.c.id))
    return [_change(row) for row in rows]


def undos_of(connection: Connection, change_id: str) -> list[Change]:
    """Changes that were proposed to undo this one, oldest first."""
    rows = connection.execute(select(changes).where(changes.c.undo_of == change_id).order_by(changes.c.id))
    return [_change(row) for row in rows]


def move(
    connection: Connection,
    change: Change,
    to: State,
    *,
    now: datetime,
    waiting_for: WaitingFor | None = None,
    **values: Any,
) -> Change:
    """Moves `change` from the state it was read in to `to`, or not at all. Returns it as it is now.

    Raises:
        StateError: the move is not one of the graph, or somebody else moved it first.
    """
    check_move(change.id, change.state, to)
    return note(
        connection, change, now=now, state=to.value, waiting_for=waiting_for, **_failure(change, to, now), **values
    )


def note(connection: Connection, change: Change, *, now: datetime, **values: Any) -> Change:
    """Sets columns, if the state is still the one that `change` was read in.

    Raises:
        StateError: somebody else moved it first.
    """
    done = connection.execute(
        update(changes)
        .where(changes.c.id == change.id, changes.c.state == change.state.value)
        .values(updated_at=stamp(now), **values)
    )
    if done.rowcount != 1:
        raise StateError(
            f"Change {change.id} is no longer {change.state.value}.",
            "Somebody else moved it in the meantime.",
            f"Look at it again: gate changes show {change.id}",
        )
    return get(connection, change.id)


def _failure(change: Change, to: State, now: datetime) -> dict[str, Any]:
    """What a move says about the change having failed. An undo that fails is a change of its own, which says so."""
    if to is State.FAILED and change.state is State.UNDOING:
        return {}  # it failed before, and was taken back on some of its hosts
    if to is State.UNKNOWN or (to is State.FAILED and change.state is not State.UNKNOWN):
        return {"failed_at": stamp(now)}
    if to is State.UNDOING and change.state is State.RUNNING:  # it undoes itself, because it failed
        return {"failed_at": stamp(now)}
    return {"failed_at": None} if to is State.SUCCEEDED else {}  # where it was unknown, a person found that it is not


def _change(row: Row[Any]) -> Change:
    return Change(
        id=row.id,
        state=State(row.state),
        waiting_for=WaitingFor(row.waiting_for) if row.waiting_for else None,
        actor=Actor.parse(row.actor),
        intent=Intent.parse(json.loads(row.intent)),
        parameters=json.loads(row.parameters),
        hosts=tuple(json.loads(row.hosts)),
        action_digest=row.action_digest,
        decision=json.loads(row.decision),
        binding=row.binding,
        preview=row.preview,
        undo_of=row.undo_of,
        request_key=row.request_key,
        executor=row.executor,
        created_at=from_stamp(row.created_at),
        updated_at=from_stamp(row.updated_at),
    )
