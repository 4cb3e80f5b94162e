from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest
from sqlalchemy import MetaData, create_engine, insert, inspect, select, update

from gate.database import engine
from gate.database.engine import HEAD, Database
from gate.database.migrate import FOLDER
from gate.database.tables import approvals, ledger, ledger_head, metadata, tokens
from gate.values.errors import DatabaseError

LEDGER_ROW = {"seq": 1, "at": "t", "kind": "k", "body": "{}", "leaf": b"x"}
CHANGE_ROW = (
    "INSERT INTO changes (id, state, actor, intent, parameters, hosts, action_digest, decision, binding, created_at,"
    " updated_at) VALUES ('chg-1', 'ready', 'human:a', '{}', '{}', '[]', '', '{}', '', '', '')"
)


def test_a_new_file_is_brought_to_the_newest_version(database: Database) -> None:
    assert database.version() == HEAD
    with database.read() as connection:
        assert connection.execute(select(ledger_head.c.size, ledger_head.c.frontier)).one() == (0, "[]")


def test_opening_again_changes_nothing(database: Database) -> None:
    with database.write() as connection:
        connection.execute(update(ledger_head).values(size=7))
    again = Database.open(database.path)
    with again.read() as connection:
        assert connection.execute(select(ledger_head.c.size)).scalar() == 7
    again.close()


def test_head_is_the_newest_migration() -> None:
    names = sorted(path.name for path in (FOLDER / "versions").glob("[0-9]*.py"))
    assert names[-1].partition("_")[0] == HEAD


def test_the_tables_are_what_the_migrations_make(database: Database, tmp_path: Path) -> None:
    declared = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    metadata.create_all(declared)
    migrated = create_engine(f"sqlite:///{database.path}")
    try:
        assert _shape(migrated) == _shape(declared)
    finally:
        declared.dispose()
        migrated.dispose()


def _shape(engine: object) -> dict[str, object]:
    look = inspect(engine)
    reflected = MetaData()
    reflected.reflect(engine)  # type: ignore[arg-type]
    shape: dict[str, object] = {}
    for table in reflected.sorted_tables:
        if table.name == "alembic_version":
            continue
        shape[table.name] = {
            "columns": [(c.name, str(c.type), c.nullable, c.primary_key) for c in table.columns],
            "indexes": sorted((i["name"], tuple(i["column_names"]), i["unique"]) for i in look.get_indexes(table.name)),
            "foreign": sorted(
                (tuple(f["constrained_columns"]), f["referred_table"]) for f in look.get_foreign_keys(table.name)
            ),
            "unique": sorted(tuple(u["column_names"]) for u in look.get_unique_constraints(table.name)),
            "checks": sorted(c["sqltext"] for c in look.get_check_constraints(table.name)),
        }
    return shape


def test_a_newer_version_is_refused_and_left_alone(database: Database) -> None:
    with closing(sqlite3.connect(database.path)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    before = database.path.read_bytes()
    with pytest.raises(DatabaseError) as refused:
        Database.open(database.path)
    assert "9999" in refused.value.what
    assert HEAD in refused.value.why
    assert "newer" in refused.value.why
    assert database.path.read_bytes() == before


def test_a_refusal_closes_its_connections(database: Database) -> None:
    with closing(sqlite3.connect(database.path)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(DatabaseError):
        Database.open(database.path)
    with closing(sqlite3.connect(database.path)) as raw:
        assert raw.execute("PRAGMA journal_mode=DELETE").fetchone()  # needs to be alone with the file


@pytest.mark.parametrize("content", [b"garbage " * 500, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "gate.db"
    path.write_bytes(content)
    with pytest.raises(DatabaseError, match="cannot be used"):
        Database.open(path)
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError):
        Database.open(tmp_path / "nowhere" / "gate.db")


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger SET body = 'x'", "DELETE FROM ledger", "UPDATE ledger SET seq = 2 WHERE seq = 1"]
)
def test_an_entry_of_the_ledger_cannot_be_changed_or_taken_away(database: Database, statement: str) -> None:
    with database.write() as connection:
        connection.execute(insert(ledger).values(**LEDGER_ROW))
    with pytest.raises(DatabaseError, match="append-only"), database.write() as connection:
        connection.exec_driver_sql(statement)
    with database.read() as connection:
        assert connection.execute(select(ledger.c.body)).scalars().all() == ["{}"]


def test_an_entry_of_the_ledger_cannot_be_replaced(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(ledger).values(**LEDGER_ROW))
    with pytest.raises(DatabaseError), database.write() as connection:
        connection.exec_driver_sql("INSERT OR REPLACE INTO ledger (seq, at, kind, body, leaf) VALUES (1,'','','x','')")
    with database.read() as connection:
        assert connection.execute(select(ledger.c.body)).scalars().all() == ["{}"]


@pytest.mark.parametrize("actor", ["agent:planner", "schedule:nightly"])
@pytest.mark.parametrize("scopes", ["approve:sre", "propose approve:sre read", "APPROVE:sre"])
def test_the_table_itself_refuses_an_agent_the_scope_to_approve(database: Database, actor: str, scopes: str) -> None:
    row = {"id": "tok-1", "secret_hash": "h", "actor": actor, "scopes": scopes, "created_at": "", "expires_at": ""}
    with pytest.raises(DatabaseError, match="CHECK"), database.write() as connection:
        connection.execute(insert(tokens).values(**row))


@pytest.mark.parametrize("actor", ["agent:planner", "schedule:nightly", "xhuman:a", "robot"])
def test_the_table_itself_refuses_an_approver_who_is_not_human(database: Database, actor: str) -> None:
    row = {"change_id": "chg-1", "approver": actor, "binding": "", "groups": "[]", "at": "", "expires_at": ""}
    with database.write() as connection:
        connection.exec_driver_sql(CHANGE_ROW)
    with pytest.raises(DatabaseError, match="CHECK"), database.write() as connection:
        connection.execute(insert(approvals).values(**row, comment=""))


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def fail_after_writing() -> None:
        with database.write() as connection:
            connection.execute(insert(ledger).values(**LEDGER_ROW))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_writing()
    with database.read() as connection:
        assert connection.execute(select(ledger.c.seq)).all() == []


def test_a_reader_sees_one_moment_and_blocks_nobody(database: Database) -> None:
    with database.read() as reader:
        before = reader.execute(select(ledger_head.c.size)).scalar()
        with database.write() as writer:
            writer.execute(update(ledger_head).values(size=5))
        assert reader.execute(select(ledger_head.c.size)).scalar() == before


def test_a_power_cut_loses_no_commit(database: Database) -> None:
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def _count_up(database: Database, times: int) -> None:
    for _ in range(times):
        with database.write() as connection:
            size = connection.execute(select(ledger_head.c.size)).scalar_one()
            connection.execute(update(ledger_head).values(size=size + 1))


def test_four_threads_that_read_and_then_write_lose_nothing(database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(_count_up, database, 25) for _ in range(4)]:
            done.result()
    with database.read() as connection:
        assert connection.execute(select(ledger_head.c.size)).scalar() == 100


COUNT = """
import sys
from pathlib import Path
from sqlalchemy import select, update
from gate.database.engine import Database
from gate.database.tables import ledger_head
sys.stdin.readline()
database = Database.open(Path(sys.argv[1]))
for _ in range(20):
    with database.write() as connection:
        size = connection.execute(select(ledger_head.c.size)).scalar_one()
        connection.execute(update(ledger_head).values(size=size + 1))
database.close()
"""


def test_a_new_file_that_somebody_writes_to_at_this_moment_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as first:
        first.execute("CREATE TABLE t (x)")  # not WAL yet: SQLite does not wait for a writer to make it so
        first.execute("BEGIN IMMEDIATE")
        later = Timer(0.3, first.execute, ["COMMIT"])
        later.start()
        with closing(Database(path)) as database, database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        later.join()


def test_a_new_file_that_somebody_never_stops_writing_to_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 100)
    path = tmp_path / "gate.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as first:
        first.execute("CREATE TABLE t (x)")
        first.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="locked"):
            Database.open(path)


@pytest.mark.slow
def test_processes_that_open_a_new_database_at_once_all_work(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", COUNT, str(path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    errors = [child.communicate()[1] for child in children]
    assert errors == [""] * 4
    assert [child.returncode for child in children] == [0] * 4
    database = Database.open(path)
    with database.read() as connection:
        assert connection.execute(select(ledger_head.c.size)).scalar() == 80
    database.close()
