"""A database from before limits saw places and failures: what can be known is filled in, the rest stays unknown."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config

from gate.database.engine import Database
from gate.database.migrate import FOLDER

CHANGE = (
    "INSERT INTO changes (id, state, actor, intent, parameters, hosts, action_digest, decision, binding, created_at,"
    " updated_at) VALUES (?, ?, 'human:a', '{\"action\":\"restart\"}', '{}', '[\"web-01\"]', '', '{}', '', 't0', 't9')"
)
STATES = {"c1": "succeeded", "c2": "failed", "c3": "unknown", "c4": "undone", "c5": "undone", "c6": "undo_failed"}


def undoing(seq: int, change_id: str, data: dict[str, str]) -> tuple[int, str, str]:
    return seq, change_id, json.dumps({"at": f"t{seq}", "data": data, "kind": "undoing"})


def test_what_was_there_before_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["database"] = path
    command.upgrade(config, "0001")
    entries = [
        undoing(1, "c4", {"because": "the change failed"}),
        undoing(2, "c5", {"by": "c7"}),
        undoing(3, "c6", {"because": "the change failed"}),
    ]
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.executemany(CHANGE, STATES.items())
        raw.executemany("INSERT INTO change_hosts VALUES (?, 'web-01')", [(name,) for name in STATES])
        raw.executemany("INSERT INTO ledger VALUES (?, '', 'undoing', ?, ?, x'00')", entries)
    Database.open(path).close()
    with closing(sqlite3.connect(path)) as raw:
        found = raw.execute("SELECT id, action, failed_at FROM changes ORDER BY id").fetchall()
        places = raw.execute("SELECT DISTINCT environment, criticality, groups FROM change_hosts").fetchall()
    assert {name for _, name, _ in found} == {"restart"}
    assert {change: at for change, _, at in found} == {
        "c1": None,
        "c2": "t9",
        "c3": "t9",
        "c4": "t1",
        "c5": None,
        "c6": "t3",
    }
    assert places == [(None, None, None)]
