from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gate.database.records import check
from gate.values.errors import DatabaseError


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "dispatch.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("some text" * 100,) for _ in range(100)])
    return path


def test_a_whole_file_is_whole(record: Path) -> None:
    check(record)


@pytest.mark.parametrize("spoiled_at", [0, 8192])  # the header; a page of the table
def test_a_spoiled_file_is_named(record: Path, spoiled_at: int) -> None:
    with record.open("r+b") as file:
        file.seek(spoiled_at)
        file.write(b"\xff" * 4096)
    with pytest.raises(DatabaseError, match=r"dispatch\.db cannot be used.*move it away"):
        check(record)
