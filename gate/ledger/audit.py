"""The whole audit of a site's ledger: entries against checkpoints, columns against entries, artifacts against seals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, select

from gate.database import tables
from gate.database.engine import Database
from gate.ledger import artifacts, store, tree
from gate.ledger.entry import Entry
from gate.ledger.notes import Notes
from gate.ledger.verify import Problem, Report, verify
from gate.values.errors import TamperedError


def audit(database: Database, notes: Notes, key: Ed25519PublicKey, state: Path) -> tuple[Report, list[Problem]]:
    """The report on the entries, and the problems of artifacts and of the database's own index.

    Raises:
        TamperedError: a checkpoint itself does not verify.
    """
    with database.read() as connection:
        checkpoints = notes.all(key)  # before the entries: what is signed from here on is not looked at
        size, frontier = store.head(connection)
        stored = list(store.bodies(connection))
        others = list(_index_problems(connection))
    report = verify(stored, checkpoints)
    if report.size != size or report.root != tree.root(frontier):
        others.append(Problem(None, "The head that the database keeps is not that of its entries."))
    return report, others + artifacts.verify(_readable(body for _, body, _ in stored), state)


def _index_problems(connection: Connection) -> Iterator[Problem]:
    ledger = tables.ledger
    for row in connection.execute(select(ledger).order_by(ledger.c.seq)):
        try:
            entry = Entry.parse(row.body)
        except TamperedError:
            continue  # `verify` names it
        if (entry.at, entry.kind, entry.change_id) != (row.at, row.kind, row.change_id):
            yield Problem(row.seq, f"Entry {row.seq}: the database's index says something else than the entry.")


def _readable(bodies: Iterable[str]) -> Iterator[Entry]:
    for body in bodies:
        try:
            yield Entry.parse(body)
        except TamperedError:
            continue  # `verify` names it
