"""A short form of `make chaos`: random processes are killed at random moments while changes are on their way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate.ledger.entry import Entry
from gate.values.clock import SystemClock

SCRIPT = Path(__file__).parents[2] / "scripts" / "chaos"
RUNS = int(os.environ.get("GATE_CHAOS", "24"))
SEED = 20_260_101
PATIENCE_S = 900.0


@pytest.mark.slow
def test_whatever_is_killed_nothing_runs_twice_nothing_is_lost_and_nothing_lies(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--runs", str(RUNS), "--seed", str(SEED), "--log", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout
    lines = [json.loads(line) for line in (tmp_path / f"{SEED}-0.jsonl").read_text().splitlines()]
    told = [line for line in lines if "case" in line]
    assert len(told) == RUNS
    assert all(line["faults"] == [] for line in lines)
    # moments that only ever hit what was idle would show nothing
    assert sum(len(one["struck"]) for one in told) > RUNS / 2
    assert len({one["state"] for one in told}) > 2


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPT))
    import books

    return books


@pytest.fixture
def record(books: Any) -> Any:
    """A change that went as it should."""
    runs = [{"id": phase, "phase": phase, "outcome": {"status": "succeeded", "note": ""}} for phase in ("do", "verify")]
    story = [entry("started"), entry("evidence"), *(entry("run", run=run["id"]) for run in runs), entry("succeeded")]
    return books.Record(meant="well", state="succeeded", marks=["START", "END"], runs=runs, story=story, alive=[])


def entry(kind: str, **data: Any) -> Entry:
    return Entry.new(1, kind, "gate", data, now=SystemClock().now(), change_id="chg-1")


def test_the_books_find_nothing_where_nothing_is_wrong(books: Any, record: Any) -> None:
    assert books.faults(record) == []


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        ({"marks": ["START", "START", "END"]}, "double execution"),
        ({"marks": ["START"]}, "false outcome"),
        ({"meant": "verify-fails"}, "false success"),
        ({"state": "running"}, "lost outcome"),
        ({"state": "failed"}, "lost outcome"),
        ({"alive": ["ansible:77"]}, "left alive"),
    ],
)
def test_the_books_find_what_is_wrong(books: Any, record: Any, wrong: dict[str, Any], found: str) -> None:
    assert found in {fault.partition(":")[0] for fault in books.faults(replace(record, **wrong))}


@pytest.mark.parametrize(
    ("kind", "found"), [("run", "lost outcome"), ("evidence", "lost evidence"), ("succeeded", "lost outcome")]
)
def test_the_books_miss_what_the_ledger_does_not_have(books: Any, record: Any, kind: str, found: str) -> None:
    left = [one for one in record.story if one.kind != kind]
    assert found in {fault.partition(":")[0] for fault in books.faults(replace(record, story=left))}


def test_the_books_see_what_went_on_afterwards(books: Any) -> None:
    assert books.late("failed", [], ["START"])
    assert books.late("unknown", [], ["START", "END"])
    assert not books.late("unknown", ["START"], ["START", "END", "UNDO"])
    assert books.late("unknown", ["START"], ["START", "START"])
