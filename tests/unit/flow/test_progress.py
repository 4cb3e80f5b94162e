from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gate.database.engine import Database
from gate.flow import progress
from gate.flow.progress import MAX_MARKS, MAX_TEXT, MAX_WORDS, Listening, Progress
from gate.ledger import store as ledger
from gate.ledger.entry import Entry
from gate.values.clock import SystemClock
from gate.values.errors import DatabaseError

CANARY = "canary-41aa"


def event(kind: str, host: str = "a", task: str = "T", **more: Any) -> dict[str, Any]:
    return {"event": kind, "host": host, "task": task, "module": "m", **more}


def listening(run: str = "run-1") -> Listening:
    return Listening("chg-1", run, "do")


def heard(*events: dict[str, Any]) -> dict[str, Any]:
    run = listening()
    for one in events:
        run.hear(one)
    return run.take().as_json()


def test_a_batch_says_by_task_on_which_hosts_it_began_and_how_it_ended() -> None:
    told = heard(
        event("started", "a"),
        event("started", "b"),
        event("ok", "a", changed=True),
        event("failed", "b", message="no", ignored=False),
        event("started", "a", "U"),
        event("skipped", "a", "U"),
        event("started", "c", "V"),
        event("ok", "c", "V", changed=False),
        event("unreachable", "d", "V", message="gone", ignored=False),
        event("failed", "e", "V", message="never mind", ignored=True),
    )
    assert told == {
        "heard": 10,
        "tasks": [
            {"task": "T", "started": ["a", "b"], "changed": ["a"], "failed": {"b": "no"}},
            {"task": "U", "started": ["a"], "skipped": ["a"]},
            {
                "task": "V",
                "started": ["c"],
                "ok": ["c"],
                "unreachable": {"d": "gone"},
                "ignored": {"e": "never mind"},
            },
        ],
    }


def test_neither_diffs_nor_evidence_nor_anything_unknown_gets_in() -> None:
    told = heard(
        event("ok", changed=True, diff=[{"before": CANARY}], evidence={"x": CANARY}, stdout=CANARY),
        event("diff", diff=[{"before": CANARY}]),
        {"event": "stats", "hosts": {CANARY: {}}},
        {"event": CANARY, "host": CANARY},
        event("ok", host=7, task=CANARY),  # type: ignore[arg-type]
        {},
    )
    assert CANARY not in json.dumps(told)
    assert told["heard"] == 6


def test_a_batch_begins_where_the_one_before_has_ended() -> None:
    run = listening()
    assert run.hear(event("started"))
    assert run.take().as_json() == {"heard": 1, "tasks": [{"task": "T", "started": ["a"]}]}
    assert not run.has_something
    assert not run.hear(event("diff"))
    run.hear(event("ok", changed=False))
    assert run.take().as_json() == {"heard": 3, "tasks": [{"task": "T", "ok": ["a"]}]}


def test_what_comes_after_the_limits_is_only_counted() -> None:
    run = listening()
    for number in range(MAX_MARKS + 7):
        run.hear(event("ok", f"h{number}", changed=False))
    told = run.take().as_json()
    assert len(told["tasks"][0]["ok"]) == MAX_MARKS
    assert told["left_out"] == 7
    run.hear(event("ok", "late", changed=False))
    assert run.take().as_json() == {"heard": MAX_MARKS + 8, "tasks": [], "left_out": 1}


def test_words_are_short_and_few() -> None:
    run = listening()
    for number in range(MAX_WORDS + 5):
        run.hear(event("failed", f"h{number}", message="x" * 5000, ignored=False))
    run.hear({"event": "error", "message": "y"})
    told = run.take().as_json()
    said = list(told["tasks"][0]["failed"].values())
    assert len(said) == MAX_WORDS + 5
    assert max(map(len, said)) < MAX_TEXT + 10
    assert [text for text in said if text] == said[:MAX_WORDS]
    assert (told.get("errors"), told["left_out"]) == (None, 1)


def test_what_could_not_be_told_is_told_with_what_follows() -> None:
    run = listening()
    run.hear(event("started"))
    run.hear({"event": "error", "message": "one"})
    batch = run.take()
    run.hear(event("ok", changed=True))
    run.hear(event("failed", "b", message="no", ignored=False))
    run.hear({"event": "error", "message": "two"})
    run.put_back(batch)
    assert run.take().as_json() == {
        "heard": 5,
        "tasks": [{"task": "T", "started": ["a"], "changed": ["a"], "failed": {"b": "no"}}],
        "errors": ["one", "two"],
    }


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "gate.db")
    yield opened
    opened.close()


@pytest.fixture
def writer(database: Database) -> Iterator[Progress]:
    made = Progress(database, SystemClock())
    yield made
    made.close()


def entries(database: Database) -> list[Entry]:
    with database.read() as connection:
        return ledger.of_change(connection, "chg-1")


def wait_for(found: Any) -> None:
    deadline = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def close(database: Database, writer: Progress, run: str) -> None:
    with database.write() as connection:
        writer.end(connection, run)
        ledger.append(connection, "run", "gate", {"run": run}, now=SystemClock().now(), change_id="chg-1")


def test_what_is_heard_is_written_soon_without_anybody_asking(database: Database, writer: Progress) -> None:
    writer.begin(listening())
    writer.hear("run-1", event("started"))
    wait_for(lambda: entries(database))
    (entry,) = entries(database)
    assert (entry.kind, entry.actor, entry.change_id) == ("progress", "gate", "chg-1")
    assert entry.data == {
        "run": "run-1",
        "phase": "do",
        "heard": 1,
        "tasks": [{"task": "T", "started": ["a"]}],
    }


def test_the_last_of_a_run_comes_before_its_end_and_nothing_after_it(database: Database, writer: Progress) -> None:
    for run in ("run-1", "run-2"):
        writer.begin(listening(run))
    for number in range(2000):
        writer.hear("run-1", event("ok", f"h{number}", changed=False))
        writer.hear("run-2", event("ok", f"h{number}", changed=False))
    close(database, writer, "run-1")
    close(database, writer, "run-2")
    story = entries(database)
    for run in ("run-1", "run-2"):
        mine = [entry for entry in story if entry.data["run"] == run]
        assert mine[-1].kind == "run"
        assert [entry.data["heard"] for entry in mine[:-1]][-1] == 2000
        told = [host for entry in mine[:-1] for task in entry.data["tasks"] for host in task["ok"]]
        assert told == [f"h{number}" for number in range(2000)]


def test_many_runs_share_their_transactions(
    database: Database, writer: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[float] = []
    write = database.write

    def counted() -> Any:
        written.append(time.monotonic())
        return write()

    monkeypatch.setattr(database, "write", counted)
    runs = [f"run-{number}" for number in range(20)]
    for run in runs:
        writer.begin(listening(run))
    began = time.monotonic()
    while time.monotonic() - began < 1.5:
        for run in runs:
            writer.hear(run, event("ok", changed=False))
        time.sleep(0.005)
    assert len(written) <= 1.5 / progress.PERIOD_S + 2
    assert all(later - earlier > progress.PERIOD_S * 0.9 for earlier, later in pairwise(written))


def test_what_the_database_refuses_is_told_later(
    database: Database, writer: Progress, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, append = threading.Event(), ledger.append

    def refuse(*given: Any, **named: Any) -> Any:
        if not broken.is_set():
            broken.set()
            raise DatabaseError("No.", "The disk is full.", "Make room.")
        return append(*given, **named)

    monkeypatch.setattr(progress.ledger, "append", refuse)
    writer.begin(listening())
    writer.hear("run-1", event("started"))
    assert broken.wait(60)
    writer.hear("run-1", event("ok", changed=True))
    wait_for(lambda: sum(len(entry.data["tasks"]) for entry in entries(database)))
    close(database, writer, "run-1")
    told = [entry for entry in entries(database) if entry.kind == "progress"]
    assert told[-1].data["heard"] == 2
    marks = [mark for entry in told for task in entry.data["tasks"] for mark in task if mark != "task"]
    assert sorted(marks) == ["changed", "started"]
    assert "tried again" in caplog.text


def test_who_is_forgotten_is_written_no_more(database: Database, writer: Progress) -> None:
    writer.begin(listening())
    writer.forget("run-1")
    close(database, writer, "run-1")
    assert [entry.kind for entry in entries(database)] == ["run"]


class ClosedMeanwhile(threading.Event):
    """`close` comes just after the writer has looked whether it came."""

    def __init__(self, writer: Progress) -> None:
        super().__init__()
        self._writer = writer

    def wait(self, timeout: float | None = None) -> bool:
        self._writer._ended.set()
        self._writer._wanted.set()
        return False


def test_a_writer_that_is_closed_just_when_it_writes_ends_too(database: Database) -> None:
    writer = Progress(database, SystemClock())
    writer._ended = ClosedMeanwhile(writer)
    writer.begin(listening())
    writer.hear("run-1", event("started"))
    assert writer._thread is not None
    writer._thread.join(20)
    assert not writer._thread.is_alive()
