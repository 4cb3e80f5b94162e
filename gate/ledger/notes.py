"""Where checkpoints are kept: one signed note a file, in a folder outside the database."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection

from gate.ledger import store, tree
from gate.ledger.checkpoint import Checkpoint, open_note, sign


class Notes:
    """The folder of checkpoints of one ledger. Put it on another disk, or copy its files elsewhere as they come."""

    def __init__(self, folder: Path, origin: str) -> None:
        self.folder, self.origin = folder, origin

    def checkpoint(self, connection: Connection, key: Ed25519PrivateKey) -> Checkpoint:
        """Signs the present head and writes it down. The same head is written once."""
        size, frontier = store.head(connection)
        made = Checkpoint(origin=self.origin, size=size, root=tree.root(frontier))
        path = self.folder / f"{size:012d}.note"
        if not path.exists():
            _write(path, sign(made, key))
        return made

    def all(self, key: Ed25519PublicKey) -> list[Checkpoint]:
        """Every checkpoint of the folder, the smallest first.

        Raises:
            TamperedError: one of them does not verify.
        """
        return [open_note(path.read_text(), self.origin, key) for path in sorted(self.folder.glob("*.note"))]


def _write(path: Path, note: str) -> None:
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    with draft.open("w") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
