"""Writing and reading the ledger. An entry is written in the caller's transaction: no entry, no deed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from gate.database import tables
from gate.ledger import tree
from gate.ledger.entry import Entry
from gate.values.secret_shapes import hide_certain_in

Body = tuple[int, str, bytes]  # seq, body, leaf: as stored, not yet believed


def append(
    connection: Connection,
    kind: str,
    actor: str,
    data: Mapping[str, Any],
    *,
    now: datetime,
    change_id: str | None = None,
) -> Entry:
    """Appends one entry in the transaction of `connection`, which holds the write lock.

    `data` is plain JSON without secrets; what is certainly one is hidden. Returns the entry with its number.
    """
    (entry,) = append_all(connection, [(kind, actor, data)], now=now, change_id=change_id)
    return entry


def append_all(
    connection: Connection,
    said: Sequence[tuple[str, str, Mapping[str, Any]]],
    *,
    now: datetime,
    change_id: str | None = None,
) -> list[Entry]:
    """Appends several entries (kind, actor, data) in this order, as `append` does each."""
    size, frontier = head(connection)
    entries, rows = [], []
    for kind, actor, data in said:
        entry = Entry.new(size + 1, kind, actor, hide_certain_in(data), now=now, change_id=change_id)
        leaf = entry.leaf()
        rows.append(
            {"seq": entry.seq, "at": entry.at, "kind": kind, "change_id": change_id, "body": entry.body(), "leaf": leaf}
        )
        frontier, size = tree.append(frontier, size, leaf), entry.seq
        entries.append(entry)
    connection.execute(insert(tables.ledger), rows)
    grown = {"size": size, "frontier": json.dumps([node.hex() for node in frontier])}
    connection.execute(update(tables.ledger_head), grown)
    return entries


def head(connection: Connection) -> tuple[int, list[bytes]]:
    """The number of entries and the frontier of the tree over them."""
    size, frontier = connection.execute(select(tables.ledger_head.c.size, tables.ledger_head.c.frontier)).one()
    return size, [bytes.fromhex(node) for node in json.loads(frontier)]


def bodies(connection: Connection) -> Iterator[Body]:
    """All entries as they are stored, in order."""
    ledger = tables.ledger
    rows = connection.execute(select(ledger.c.seq, ledger.c.body, ledger.c.leaf).order_by(ledger.c.seq))
    yield from ((seq, body, leaf) for seq, body, leaf in rows)


def of_change(
    connection: Connection, change_id: str, *kinds: str, after: int = 0, count: int | None = None
) -> list[Entry]:
    """The story of one change, oldest first: all of it, or of these kinds; `count` entries after number `after`."""
    ledger = tables.ledger
    wanted = select(ledger.c.body).where(ledger.c.change_id == change_id, ledger.c.seq > after)
    if kinds:
        wanted = wanted.where(ledger.c.kind.in_(kinds))
    return [Entry.parse(body) for (body,) in connection.execute(wanted.order_by(ledger.c.seq).limit(count))]


def latest(connection: Connection, count: int) -> list[Entry]:
    """The newest entries, oldest first."""
    ledger = tables.ledger
    rows = connection.execute(select(ledger.c.body).order_by(ledger.c.seq.desc()).limit(count)).all()
    return [Entry.parse(body) for (body,) in reversed(rows)]
