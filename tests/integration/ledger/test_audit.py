from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from gate.database.engine import Database
from gate.database.tables import ledger, ledger_head
from gate.ledger import store, tree
from gate.ledger.audit import audit
from gate.ledger.entry import Entry
from gate.ledger.notes import Notes
from gate.ledger.verify import Problem
from gate.values.errors import TamperedError
from gate.values.keys import private_key, public_key


def problems(database: Database, notes: Notes) -> list[Problem]:
    report, others = audit(database, notes, public_key(database.path.parent, "ledger"), database.path.parent)
    return [*report.problems, *others]


def tamper(database: Database, *statements: tuple[str, tuple[object, ...]]) -> None:
    """What somebody can do who has the file: triggers are no obstacle."""
    with closing(sqlite3.connect(database.path)) as raw, raw:
        for name in ("update", "delete", "replace"):
            raw.execute(f"DROP TRIGGER ledger_refuses_{name}")
        for statement, values in statements:
            raw.execute(statement, values)


def bodies(database: Database) -> list[str]:
    with database.read() as connection:
        return [body for _, body, _ in store.bodies(connection)]


def test_an_untouched_ledger_is_sound(database: Database, notes: Notes) -> None:
    assert problems(database, notes) == []


def test_the_head_in_the_database_is_the_root_over_its_entries(database: Database) -> None:
    with database.read() as connection:
        size, frontier = store.head(connection)
        leaves = connection.execute(select(ledger.c.leaf).order_by(ledger.c.seq)).scalars().all()
    assert size == 10
    assert tree.root(frontier) == tree.root_of(leaves)


def test_an_entry_lives_and_dies_with_its_transaction(database: Database) -> None:
    def fail_after_writing() -> None:
        with database.write() as connection:
            store.append(connection, "kind", "human:a", {}, now=datetime.now(UTC))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_writing()
    assert len(bodies(database)) == 10


def test_a_changed_text_is_named(database: Database, notes: Notes) -> None:
    forged = bodies(database)[2].replace('"n":3', '"n":4')
    tamper(database, ("UPDATE ledger SET body = ? WHERE seq = 3", (forged,)))
    assert any(problem.seq == 3 and "was changed" in problem.what for problem in problems(database, notes))


def test_a_removed_entry_is_named(database: Database, notes: Notes) -> None:
    tamper(database, ("DELETE FROM ledger WHERE seq = 3", ()))
    assert any("Entry 3 is missing" in problem.what for problem in problems(database, notes))


def test_an_entry_that_was_hidden_from_its_change_is_named(database: Database, notes: Notes) -> None:
    tamper(database, ("UPDATE ledger SET change_id = 'chg-other' WHERE seq = 3", ()))
    found = problems(database, notes)
    assert [problem.seq for problem in found] == [3]
    assert "index" in found[0].what


def test_a_changed_head_is_told(database: Database, notes: Notes) -> None:
    tamper(database, ("UPDATE ledger_head SET size = 9", ()))
    assert any("head" in problem.what for problem in problems(database, notes))


def rewrite(database: Database, seq: int) -> None:
    """Rewrites entry `seq` and everything that depends on it, as somebody with the file and the source can."""
    texts = bodies(database)
    entry = json.loads(texts[seq - 1])
    forged = Entry(**{**entry, "actor": "human:b"})
    texts[seq - 1] = forged.body()
    frontier: list[bytes] = []
    for size, text in enumerate(texts):
        frontier = tree.append(frontier, size, tree.leaf_hash(text.encode()))
    tamper(
        database,
        ("UPDATE ledger SET body = ?, leaf = ? WHERE seq = ?", (forged.body(), forged.leaf(), seq)),
        ("UPDATE ledger_head SET frontier = ?", (json.dumps([node.hex() for node in frontier]),)),
    )


def test_a_history_rewritten_to_the_root_is_caught_by_the_checkpoints_alone(database: Database, notes: Notes) -> None:
    rewrite(database, 3)
    told = [problem.what for problem in problems(database, notes)]
    assert told[0].startswith("Entries 1 to 5 are not those")
    assert problems(database, Notes(notes.folder.parent, notes.origin)) == []  # no checkpoints, no evidence


def test_a_history_rewritten_behind_the_first_checkpoint_is_narrowed_down(database: Database, notes: Notes) -> None:
    rewrite(database, 8)
    told = [problem.what for problem in problems(database, notes)]
    assert told == [told[0]]
    assert told[0].startswith("Entries 6 to 10 are not those")


def test_a_truncated_ledger_is_told(database: Database, notes: Notes) -> None:
    with database.read() as connection:
        leaves = list(connection.execute(select(ledger.c.leaf).order_by(ledger.c.seq)).scalars())[:7]
    frontier: list[bytes] = []
    for size, leaf in enumerate(leaves):
        frontier = tree.append(frontier, size, leaf)
    head = json.dumps([node.hex() for node in frontier])
    tamper(
        database,
        ("DELETE FROM ledger WHERE seq > 7", ()),
        ("UPDATE ledger_head SET size = 7, frontier = ?", (head,)),
    )
    assert any("the end was cut off" in problem.what for problem in problems(database, notes))


def test_a_forged_checkpoint_stops_the_audit(database: Database, notes: Notes) -> None:
    path = min(notes.folder.glob("*.note"))
    path.write_text(path.read_text().replace("\n5\n", "\n6\n"))
    with pytest.raises(TamperedError):
        problems(database, notes)


def test_the_same_head_is_signed_once(database: Database, notes: Notes, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in notes.folder.iterdir()}
    with database.read() as connection:
        notes.checkpoint(connection, private_key(tmp_path, "ledger"))
    assert {path: path.read_bytes() for path in notes.folder.iterdir()} == before


def test_the_story_of_a_change_is_in_order(database: Database) -> None:
    with database.read() as connection:
        assert [entry.data["n"] for entry in store.of_change(connection, "chg-1")] == [1, 3, 5, 7, 9]
        assert [entry.data["n"] for entry in store.latest(connection, 3)] == [8, 9, 10]
        assert connection.execute(select(ledger_head.c.size)).scalar() == 10
