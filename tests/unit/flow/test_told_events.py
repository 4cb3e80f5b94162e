from __future__ import annotations

import json
from typing import Any

import pytest

from gate.flow.events import event
from gate.ledger.entry import Entry

CANARY = "canary-9e1f"
OUTCOME = {
    "status": "failed",
    "stopped": True,
    "hosts": {"a": {"status": "failed", "changed": 2, "message": CANARY}},
    "note": CANARY,
    "evidence": CANARY,
    "diff": CANARY,
}
KINDS: dict[str, dict[str, Any]] = {
    "proposed": {"intent": {"reason": CANARY}, "parameters": {"x": CANARY}, "hosts": ["a"]},
    "decided": {"decision": {"verdict": "allow", "facts": CANARY}, "binding": CANARY, "state": "ready"},
    "warrant": {"run": "r", "phase": "do", "hosts": ["a"], "warrant": CANARY},
    "evidence": {"run": "r", "host": "a", "undo": CANARY},
    "run": {"run": "r", "phase": "do", "outcome": OUTCOME, "artifacts": CANARY},
    "progress": {
        "run": "r",
        "phase": "do",
        "heard": 3,
        "tasks": [{"task": "T", "ok": ["a"], "failed": {"b": CANARY}, "unreachable": {"c": CANARY}}],
        "errors": [CANARY],
        "left_out": 1,
    },
    "not-started": {"state": "waiting", "held": {"a": CANARY}, "decision": CANARY},
    "cancel-requested": {"reason": CANARY, "force": False, "run": "r", "phase": "do"},
    "withdrawn": {"reason": CANARY},
    "settled": {"as": CANARY, "reason": CANARY},
    "approved": {"comment": CANARY, "binding": CANARY, "groups": CANARY},
    "approval-refused": {"why": CANARY},
    "trouble": {"why": CANARY},
    "taken-over": {"from": CANARY, "to": CANARY},
    "something-new": {"secret": CANARY},
}  # fmt: skip


def entry(kind: str) -> Entry:
    return Entry(seq=7, at="2026-01-01T00:00:00.000000Z", kind=kind, change_id="c", actor="gate", data=KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_not_read_everything_is_told_nobodys_words(kind: str) -> None:
    told = event(entry(kind), words=False)
    assert CANARY not in json.dumps(told)
    assert (told["seq"], told["kind"], told["actor"]) == (7, kind, "gate")


@pytest.mark.parametrize("kind", ["proposed", "decided", "evidence", "not-started", "approval-refused", "trouble"])
def test_what_is_not_listed_is_told_to_nobody(kind: str) -> None:
    assert CANARY not in json.dumps(event(entry(kind), words=True))


def test_a_run_is_told_with_how_it_went_on_each_host() -> None:
    told = event(entry("run"), words=False)
    assert (told["run"], told["phase"], told["status"], told["stopped"]) == ("r", "do", "failed", True)
    assert told["hosts"] == {"a": {"status": "failed", "changed": 2, "message": ""}}
    told = event(entry("run"), words=True)
    assert told["hosts"]["a"]["message"] == told["note"] == CANARY
    assert not {"evidence", "diff", "artifacts"} & told.keys()


def test_progress_is_told_by_task() -> None:
    told = event(entry("progress"), words=True)
    assert told["tasks"] == KINDS["progress"]["tasks"]
    assert told["errors"] == [CANARY]
    told = event(entry("progress"), words=False)
    assert told["tasks"] == [{"task": "T", "ok": ["a"], "failed": {"b": ""}, "unreachable": {"c": ""}}]


def test_people_read_words_where_people_spoke() -> None:
    assert event(entry("cancel-requested"), words=True)["reason"] == CANARY
    assert event(entry("settled"), words=True)["as"] == CANARY
    assert event(entry("approved"), words=True)["comment"] == CANARY
