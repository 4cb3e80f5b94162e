"""A ledger outside its database: one entry a line, verified with a public key and checkpoints alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate.database.engine import Database
from gate.ledger import store
from gate.ledger.checkpoint import Checkpoint, open_note
from gate.ledger.entry import Entry
from gate.ledger.notes import Notes
from gate.ledger.verify import Report, verify
from gate.values.errors import LedgerError, TamperedError
from gate.values.keys import read_public


def write_export(database: Database, notes: Notes, key: Ed25519PrivateKey, file: Path) -> tuple[int, Path]:
    """Writes all entries to `file`, whole or not at all; returns their number and the checkpoint's path."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    count = 0
    with database.read() as connection, draft.open("w") as out:
        for _, body, _ in store.bodies(connection):
            out.write(body + "\n")
            count += 1
        head = notes.checkpoint(connection, key)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
    note = file.with_name(file.name + ".note")
    note.write_text((notes.folder / f"{head.size:012d}.note").read_text())
    return count, note


def verify_export(file: Path, key: Path, notes: Iterable[Path]) -> Report:
    """Verifies an export against checkpoints that were kept elsewhere.

    Raises:
        TamperedError: a checkpoint is not signed by this key.
        LedgerError: a file cannot be read.
    """
    try:
        public = read_public(key)
        checkpoints = [open_note(text, _origin(text), public) for text in (note.read_text() for note in notes)]
        with file.open() as lines:
            return verify(_entries(lines), _of_one_ledger(checkpoints))
    except (OSError, UnicodeDecodeError) as wrong:
        raise LedgerError(f"{file} cannot be verified.", f"{wrong}.", "Check the paths.") from wrong


def _entries(lines: Iterable[str]) -> Iterator[tuple[int, str, bytes | None]]:
    for number, line in enumerate(lines, 1):
        body = line.removesuffix("\n")
        try:
            seq = Entry.parse(body).seq
        except TamperedError:
            seq = number  # `verify` says that it is unreadable
        yield seq, body, None


def _of_one_ledger(checkpoints: list[Checkpoint]) -> list[Checkpoint]:
    if len({checkpoint.origin for checkpoint in checkpoints}) > 1:
        raise LedgerError("The checkpoints are of several ledgers.", "Their origins differ.", "Give those of one site.")
    return checkpoints


def _origin(note: str) -> str:
    return note.partition("\n")[0]
