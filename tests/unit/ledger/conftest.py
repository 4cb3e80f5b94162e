from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.database.engine import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new database in a file."""
    opened = Database.open(tmp_path / "gate.db")
    yield opened
    opened.close()
