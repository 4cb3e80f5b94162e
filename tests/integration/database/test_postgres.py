"""PostgreSQL promises what the SQLite file promises: one writer, all or nothing, a ledger that only grows."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import MetaData, create_engine, insert, inspect, select, update

from gate.approval import store as approvals_store
from gate.approval.quorum import Approval
from gate.changes import store
from gate.changes.model import Change
from gate.database import engine as database_engine
from gate.database.engine import HEAD, POSTGRESQL, Database
from gate.database.tables import approvals, ledger, ledger_head, metadata, tokens
from gate.ledger import store as ledger_store
from gate.ledger.audit import audit
from gate.ledger.notes import Notes
from gate.values.actor import Actor
from gate.values.errors import DatabaseError
from gate.values.keys import make_key, private_key, public_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEDGER_ROW = {"seq": 1, "at": "t", "kind": "k", "body": "{}", "leaf": b"x"}
Psql = Callable[[str], list[tuple[Any, ...]]]


def test_a_new_database_is_brought_to_the_newest_version(database: Database) -> None:
    assert database.version() == HEAD
    with database.read() as connection:
        assert connection.execute(select(ledger_head.c.size, ledger_head.c.frontier)).one() == (0, "[]")


def test_opening_again_changes_nothing(database: Database, url: str) -> None:
    with database.write() as connection:
        connection.execute(update(ledger_head).values(size=7))
    again = Database.open(url)
    with again.read() as connection:
        assert connection.execute(select(ledger_head.c.size)).scalar() == 7
    again.close()


def test_a_newer_version_is_refused_and_left_alone(database: Database, url: str, psql: Psql) -> None:
    psql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match="9999"):
        Database.open(url)
    assert psql("SELECT version_num FROM alembic_version") == [("9999",)]


def test_the_tables_have_the_columns_and_keys_that_they_have_in_a_file(url: str, database: Database) -> None:
    declared = create_engine("sqlite://")
    metadata.create_all(declared)
    real = create_engine(url.replace("postgresql:", f"{POSTGRESQL}:"))
    try:
        assert _shape(real) == _shape(declared)
    finally:
        declared.dispose()
        real.dispose()


def _shape(engine: Any) -> dict[str, object]:
    look = inspect(engine)
    reflected = MetaData()
    reflected.reflect(engine)
    return {
        table.name: {
            "columns": [(column.name, column.nullable, column.primary_key) for column in table.columns],
            "indexes": sorted((i["name"], tuple(i["column_names"])) for i in look.get_indexes(table.name) if _ours(i)),
            "foreign": sorted(
                (tuple(f["constrained_columns"]), f["referred_table"]) for f in look.get_foreign_keys(table.name)
            ),
            "checks": len(look.get_check_constraints(table.name)),
        }
        for table in reflected.sorted_tables
        if table.name != "alembic_version"
    }


def _ours(index: Any) -> bool:
    return "duplicates_constraint" not in index


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET body = 'x'",
        "UPDATE ledger SET seq = 2 WHERE seq = 1",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
        "TRUNCATE ledger CASCADE",
        "INSERT INTO ledger (seq, at, kind, body, leaf) VALUES (1, '', '', 'x', '') "
        "ON CONFLICT (seq) DO UPDATE SET body = EXCLUDED.body",
        "MERGE INTO ledger USING (SELECT 1 AS seq) AS one ON ledger.seq = one.seq WHEN MATCHED THEN DELETE",
        "SET session_replication_role = replica; DELETE FROM ledger",
        "WITH gone AS (DELETE FROM ledger RETURNING seq) SELECT seq FROM gone",
    ],
)
def test_an_entry_cannot_be_changed_or_taken_away_even_by_the_owner(
    database: Database, psql: Psql, statement: str
) -> None:
    with database.write() as connection:
        connection.execute(insert(ledger).values(**LEDGER_ROW))
    with pytest.raises(psycopg.Error, match="append-only"):
        psql(statement)
    with database.read() as connection:
        assert connection.execute(select(ledger.c.seq, ledger.c.body)).all() == [(1, "{}")]


@pytest.mark.parametrize("actor", ["agent:planner", "schedule:nightly", "HUMAN:a"])
@pytest.mark.parametrize("scopes", ["approve:sre", "propose approve:sre read", "APPROVE:sre"])
def test_the_table_itself_refuses_an_agent_the_scope_to_approve(database: Database, actor: str, scopes: str) -> None:
    row = {"id": "tok-1", "secret_hash": "h", "actor": actor, "scopes": scopes, "created_at": "", "expires_at": ""}
    with pytest.raises(DatabaseError, match="only_humans_hold_approve"), database.write() as connection:
        connection.execute(insert(tokens).values(**row))
    with database.write() as connection:
        connection.execute(insert(tokens).values(**row | {"actor": "human:a"}))


@pytest.mark.parametrize("actor", ["agent:planner", "schedule:nightly", "xhuman:a", "robot"])
def test_the_table_itself_refuses_an_approver_who_is_not_human(
    database: Database, make_change: Callable[..., Change], actor: str
) -> None:
    row = {"change_id": "chg-001", "approver": actor, "binding": "", "groups": "[]", "at": "", "expires_at": ""}
    with database.write() as connection:
        store.add(connection, make_change())
    with pytest.raises(DatabaseError, match="only_humans_approve"), database.write() as connection:
        connection.execute(insert(approvals).values(**row, comment=""))


def test_a_second_yes_to_the_same_renews_the_first(database: Database, make_change: Callable[..., Change]) -> None:
    made = make_change()
    given = {"approver": Actor.parse("human:ann"), "groups": frozenset({"sre"}), "comment": "äöü '%s' \\"}
    with database.write() as connection:
        store.add(connection, made)
        for hour, binding in ((1, "a"), (2, "b"), (3, "a")):
            at = NOW + timedelta(hours=hour)
            approvals_store.add(
                connection, made.id, Approval(binding=binding, at=at, expires_at=at + timedelta(hours=1), **given)
            )
    with database.read() as connection:
        found = approvals_store.of_change(connection, made.id)
    assert [(one.binding, one.at.hour, one.comment) for one in found] == [
        ("b", 2, given["comment"]),
        ("a", 3, given["comment"]),
    ]


def test_ids_sort_as_bytes_whatever_the_language_of_the_server(
    database: Database, make_change: Callable[..., Change]
) -> None:
    names = ["chg-10", "chg-1-0", "chg-1a", "chg-Z", "chg-a", "chg-_"]
    with database.write() as connection:
        for name in names:
            store.add(connection, make_change(id=name))
    with database.read() as connection:
        assert [change.id for change in store.latest(connection, 9)] == sorted(names, reverse=True)


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as connection:  # noqa: PT012 - the transaction is what fails
        connection.execute(insert(ledger).values(**LEDGER_ROW))
        raise RuntimeError
    with database.read() as connection:
        assert connection.execute(select(ledger.c.seq)).all() == []


def test_a_reader_sees_one_moment_and_blocks_nobody(database: Database) -> None:
    with database.read() as reader:
        before = reader.execute(select(ledger_head.c.size)).scalar()
        with database.write() as writer:
            writer.execute(update(ledger_head).values(size=5))
        assert reader.execute(select(ledger_head.c.size)).scalar() == before
    with database.read() as reader:
        assert reader.execute(select(ledger_head.c.size)).scalar() == 5


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(DatabaseError, match="read-only"), database.read() as connection:
        connection.execute(update(ledger_head).values(size=5))


def test_a_commit_is_on_disk_whatever_the_server_would_do_by_itself(database: Database, psql: Psql, url: str) -> None:
    name = url.partition("?")[0].rpartition("/")[2]
    psql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    psql(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    again = Database.open(url)
    with again.write() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
    again.close()


def test_whoever_holds_the_lock_too_long_is_not_waited_for_without_end(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_engine, "BUSY_TIMEOUT_MS", 200)
    impatient = Database.open(url)
    with database.write(), pytest.raises(DatabaseError, match="lock timeout"), impatient.write():
        pytest.fail("two writers at once")
    impatient.close()


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
from sqlalchemy import select, update
from gate.database.engine import Database
from gate.database.tables import ledger_head
sys.stdin.readline()
database = Database.open(sys.argv[1])
for _ in range(20):
    with database.write() as connection:
        size = connection.execute(select(ledger_head.c.size)).scalar_one()
        connection.execute(update(ledger_head).values(size=size + 1))
database.close()
"""


def test_processes_that_open_a_new_database_at_once_all_work(url: str) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", COUNT, url],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        for _ in range(3)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    errors = [child.communicate()[1] for child in children]
    assert errors == [""] * 3
    database = Database.open(url)
    with database.read() as connection:
        assert connection.execute(select(ledger_head.c.size)).scalar() == 60
    database.close()


def test_a_ledger_written_by_many_at_once_is_sound(database: Database, tmp_path: Path) -> None:
    make_key(tmp_path, "ledger")
    (tmp_path / "checkpoints").mkdir()
    notes = Notes(tmp_path / "checkpoints", "gate/site/ledger")

    def write(number: int) -> None:
        for turn in range(5):
            with database.write() as connection:
                data = {"n": number, "text": "ä\u2028\\ \"'%s"}
                at = NOW + timedelta(seconds=turn)
                ledger_store.append(connection, "kind", "human:a", data, now=at, change_id=f"chg-{number}")

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with database.read() as connection:
        notes.checkpoint(connection, private_key(tmp_path, "ledger"))
        assert [entry.seq for entry in ledger_store.latest(connection, 3)] == [38, 39, 40]
        assert len(ledger_store.of_change(connection, "chg-3")) == 5
    report, others = audit(database, notes, public_key(tmp_path, "ledger"), tmp_path)
    assert (report.sound, report.size, report.signed, others) == (True, 40, 40, [])


def test_a_tampered_ledger_is_told(database: Database, tmp_path: Path, psql: Psql) -> None:
    make_key(tmp_path, "ledger")
    (tmp_path / "checkpoints").mkdir()
    notes = Notes(tmp_path / "checkpoints", "gate/site/ledger")
    with database.write() as connection:
        for number in range(3):
            ledger_store.append(connection, "kind", "human:a", {"n": number}, now=NOW)
    with database.read() as connection:
        notes.checkpoint(connection, private_key(tmp_path, "ledger"))
    psql("ALTER TABLE ledger DISABLE TRIGGER ALL")  # the owner of a table can do that; the tree is what tells
    psql("UPDATE ledger SET body = replace(body, '\"n\":1', '\"n\":9') WHERE seq = 2")
    report, _ = audit(database, notes, public_key(tmp_path, "ledger"), tmp_path)
    assert not report.sound
    assert "2" in report.problems[0].what


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(DatabaseError) as refused:
        Database.open("postgresql://gate:canary@127.0.0.1:9/gate?connect_timeout=2")
    assert "canary" not in str(refused.value)
    assert "127.0.0.1" in refused.value.what


@pytest.mark.parametrize("wrong", ["mysql://a@b/c", "postgresql", "oracle://x", "", "nonsense://x", "postgres://a@b/c"])
def test_another_kind_of_database_is_refused(wrong: str) -> None:
    with pytest.raises(DatabaseError, match="no database that the gate can use"):
        Database.open(wrong)
