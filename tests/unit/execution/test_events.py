from __future__ import annotations

import json
from typing import Any

import pytest

from gate.execution.events import MAX_DIFF, MAX_TEXT, observe, reduce_event
from gate.execution.outcome import Observed, Task

CANARY = "canary-8d2f"
LISTED = {"event", "at", "host", "task", "module", "changed", "message", "ignored", "diff", "evidence", "hosts"}


def event(kind: str, result: Any = None, **data: Any) -> dict[str, Any]:
    given = {"host": "a", "task": "T", "task_action": "copy", "res": result or {}, **data}
    return {"event": kind, "created": "now", "stdout": "", "event_data": given}


@pytest.mark.parametrize(
    "kind", ["runner_on_start", "runner_on_ok", "runner_on_failed", "runner_on_unreachable", "runner_on_skipped"]
)
def test_nothing_passes_that_is_not_listed(kind: str) -> None:
    result = {"stdout": CANARY, "content": CANARY, "invocation": {"password": CANARY}, "results": [{"x": CANARY}]}
    raw = event(kind, result, task_args=CANARY, task_path=CANARY, env=CANARY, uuid=CANARY)
    ours = reduce_event({**raw, "stdout": CANARY, "pid": 1, "runner_ident": CANARY})
    assert ours is not None
    assert ours.keys() <= LISTED
    assert CANARY not in json.dumps(ours)


@pytest.mark.parametrize(
    "kind", ["playbook_on_start", "playbook_on_task_start", "verbose", "runner_retry", "runner_item_on_ok", "", None, 7]
)
def test_events_that_say_nothing_are_dropped(kind: Any) -> None:
    assert reduce_event({"event": kind, "stdout": CANARY, "event_data": {"res": {"x": CANARY}}}) is None


@pytest.mark.parametrize("mark", [{"_ansible_no_log": True}, {"censored": "hidden"}])
@pytest.mark.parametrize("kind", ["runner_on_ok", "runner_on_failed", "runner_on_unreachable", "runner_item_on_failed"])
def test_the_result_of_a_no_log_task_never_passes(kind: str, mark: dict[str, Any]) -> None:
    result = {**mark, "msg": CANARY, "stderr": CANARY, "diff": {"before": CANARY, "after": CANARY}, "changed": True}
    ours = reduce_event(event(kind, result))
    assert ours is not None
    assert CANARY not in json.dumps(ours)


def test_only_listed_fields_of_a_diff_pass() -> None:
    diff = {"before": "b", "after": "a", "before_header": "h", "secret": CANARY, "prepared": "p"}
    ours = reduce_event(event("runner_on_ok", {"diff": [diff, CANARY, None]}))
    assert ours is not None
    assert ours["diff"] == [{"before_header": "h", "before": "b", "after": "a", "prepared": "p"}]


def test_long_texts_are_cut() -> None:
    ours = reduce_event(event("runner_on_failed", {"msg": "x" * 10_000, "diff": {"before": "y" * 100_000}}))
    assert ours is not None
    assert len(ours["message"]) < MAX_TEXT + 20
    assert len(ours["diff"][0]["before"]) < MAX_DIFF + 50


@pytest.mark.parametrize(
    "stats",
    [None, "x", {"data": {"undo": 1}}, {"per_host": False, "data": {"undo": 1}}, {"per_host": True, "data": "x"}],
)
def test_only_what_is_recorded_per_host_is_evidence(stats: Any) -> None:
    ours = reduce_event(event("runner_on_ok", {"ansible_stats": stats}))
    assert ours is not None
    assert "evidence" not in ours


def test_evidence_is_what_was_recorded_as_undo() -> None:
    stats = {"per_host": True, "data": {"undo": {"before": "x"}, "other": CANARY}}
    ours = reduce_event(event("runner_on_ok", {"ansible_stats": stats}))
    assert ours is not None
    assert ours["evidence"] == {"before": "x"}
    assert CANARY not in json.dumps(ours)


@pytest.mark.parametrize("data", [None, {}, {"res": None}, {"res": "text"}, {"res": []}])
def test_a_malformed_event_breaks_nothing(data: Any) -> None:
    for kind in ("runner_on_ok", "runner_on_failed", "playbook_on_stats", "error", "runner_on_file_diff"):
        ours = reduce_event({"event": kind, "event_data": data})
        assert ours is not None
        observe(Observed(), ours)


def test_stats_are_by_host() -> None:
    data = {"ok": {"a": 2}, "changed": {"a": 1}, "dark": {"b": 1}, "processed": {"a": 1, "b": 1, "c": 1}, "x": CANARY}
    ours = reduce_event({"event": "playbook_on_stats", "event_data": data})
    assert ours is not None
    assert ours["hosts"] == {"a": {"ok": 2, "changed": 1}, "b": {"dark": 1}, "c": {}}


def _observed(*events: dict[str, Any]) -> Observed:
    seen = Observed()
    for one in events:
        ours = reduce_event(one)
        assert ours is not None
        observe(seen, ours)
    return seen


def test_an_ignored_failure_is_no_failure() -> None:
    seen = _observed(event("runner_on_failed", {"msg": "no"}, ignore_errors=True))
    assert seen.messages == {}
    assert seen.started == {"a"}


def test_a_diff_that_is_told_twice_is_kept_once() -> None:
    diff = {"before": "b", "after": "a"}
    seen = _observed(event("runner_on_file_diff", diff=diff), event("runner_on_ok", {"diff": diff}))
    assert seen.diff == {"a": [{"before": "b", "after": "a"}]}


def test_the_words_of_a_failure_name_the_task() -> None:
    assert _observed(event("runner_on_failed", {"msg": "no"})).messages == {"a": "T: no"}
    assert _observed(event("runner_on_failed", {"_ansible_no_log": True})).messages["a"].endswith("(no_log).")


def test_an_error_belongs_to_no_host() -> None:
    seen = _observed({"event": "error", "stdout": "syntax error", "event_data": {}})
    assert seen.words == ["syntax error"]
    assert seen.started == set()


T = Task("T", "copy")


def test_a_task_is_in_flight_until_it_has_a_result() -> None:
    begun = event("runner_on_start")
    assert _observed(begun).in_flight == {"a": T}
    for kind in ("runner_on_ok", "runner_on_failed", "runner_on_unreachable", "runner_on_skipped"):
        seen = _observed(begun, event(kind))
        assert (seen.in_flight, seen.last) == ({}, {"a": T})


def test_an_item_of_a_loop_does_not_end_its_task() -> None:
    seen = _observed(event("runner_on_start"), event("runner_item_on_failed", {"msg": "no"}))
    assert seen.in_flight == {"a": T}
    assert seen.messages == {"a": "T: no"}


def test_an_unreachable_host_on_which_the_playbook_goes_on_is_reached_again() -> None:
    assert _observed(event("runner_on_unreachable")).unreachable == {"a"}
    assert _observed(event("runner_on_unreachable"), event("runner_on_start")).unreachable == set()


def test_tasks_that_changed_something_are_counted() -> None:
    changed, same = event("runner_on_ok", {"changed": True}), event("runner_on_ok", {"changed": False})
    assert _observed(changed, same, changed).changed == {"a": 2}
