from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.database.engine import Database
from gate.ledger import store
from gate.ledger.notes import Notes
from gate.values.keys import make_key, private_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    (tmp_path / "checkpoints").mkdir()
    return Notes(tmp_path / "checkpoints", "gate/site/ledger")


@pytest.fixture
def database(tmp_path: Path, notes: Notes) -> Iterator[Database]:
    """A ledger of ten entries, with checkpoints over the first five and over all of them."""
    make_key(tmp_path, "ledger")
    key = private_key(tmp_path, "ledger")
    opened = Database.open(tmp_path / "gate.db")
    for number in range(1, 11):
        with opened.write() as connection:
            at = NOW + timedelta(seconds=number)
            store.append(
                connection, "kind", "human:a", {"n": number}, now=at, change_id="chg-1" if number % 2 else None
            )
        if number % 5 == 0:
            with opened.read() as connection:
                notes.checkpoint(connection, key)
    yield opened
    opened.close()
