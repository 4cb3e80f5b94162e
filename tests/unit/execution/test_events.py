from __future__ import annotations

import json
from typing import Any

import pytest

from gate.execution.diff import TaskDiff
from gate.execution.events import MAX_TEXT, observe, reduce_event
from gate.execution.outcome import Observed, Task

CANARY = "canary-8d2f"
LISTED = {"event", "at", "host", "task", "module", "changed", "message", "ignored", "diff", "evidence", "hosts"}


def event(kind: str, result: Any = None, **data: Any) -> dict[str, Any]:
    given = {"host": "a", "task": "T", "task_action": "copy", "res": result or {"changed": False}, **data}
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
    "kind",
    [
        "playbook_on_start",
        "playbook_on_task_start",
        "verbose",
        "runner_retry",
        "runner_item_on_ok",
        "runner_on_file_diff",
        "",
        None,
        7,
    ],
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
    ours = reduce_event(event("runner_on_ok", {"diff": [diff, CANARY, None], "changed": True}))
    assert ours is not None
    [part] = ours["diff"]["parts"]
    assert (part["header"], part["lines"]) == ("h", ["p"])
    assert CANARY not in json.dumps(ours)


def test_long_texts_are_cut() -> None:
    ours = reduce_event(event("runner_on_failed", {"msg": "x" * 10_000}))
    assert ours is not None
    assert len(ours["message"]) < MAX_TEXT + 20


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
    for kind in ("runner_on_ok", "runner_on_failed", "playbook_on_stats", "error", "runner_on_skipped"):
        ours = reduce_event({"event": kind, "event_data": data}, preview=True)
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


DIFF = {"before": "b\n", "after": "a\n"}
SKIPPED = '\x1b[0;36mskipping: [a] => {"changed": false, "false_condition": "x", "skip_reason": "Conditional"}\x1b[0m'
FORESEEN = '\x1b[0;36mskipping: [a] => {"changed": false, "msg": "Command would have run if not in check mode"}\x1b[0m'


def _diffs(*events: dict[str, Any], preview: bool = False) -> list[TaskDiff]:
    seen = Observed()
    for one in events:
        ours = reduce_event(one, preview=preview)
        if ours is not None:
            observe(seen, ours)
    return seen.diff.get("a", [])


def test_what_a_task_changes_is_kept_once_with_its_name_and_module() -> None:
    [only] = _diffs(event("runner_on_file_diff", diff=DIFF), event("runner_on_ok", {"diff": DIFF, "changed": True}))
    assert (only.task, only.module, only.changed, only.predicted) == ("T", "copy", True, True)
    assert only.parts[0].lines == ("@@ -1 +1 @@", "-b", "+a")


def test_items_of_a_loop_are_told_one_by_one_and_the_loop_is_not() -> None:
    item = event("runner_item_on_ok", {"diff": DIFF, "changed": True, "_ansible_item_label": "one"})
    unchanged = event("runner_item_on_ok", {"changed": False, "_ansible_item_label": "two"})
    loop = event("runner_on_ok", {"changed": True, "results": [{"diff": DIFF, "changed": True}]})
    assert [one.task for one in _diffs(item, unchanged, loop)] == ["T (one)"]


def test_a_change_without_a_diff_is_told_and_no_change_is_not() -> None:
    [only] = _diffs(event("runner_on_ok", {"changed": True}), event("runner_on_ok", {"changed": False}))
    assert (only.changed, only.parts) == (True, ())


def test_of_a_hidden_result_only_that_is_told() -> None:
    hidden = event("runner_on_ok", {"censored": CANARY, "changed": True, "diff": DIFF})
    [only] = _diffs(hidden)
    assert [part.hidden for part in only.parts] == ["no_log"]
    assert [one.changed for one in _diffs(event("runner_on_ok", {"censored": CANARY}), preview=True)] == [True]


def test_of_a_result_that_was_too_large_only_that_is_told() -> None:
    raw = event("runner_on_ok")
    raw["event_data"]["res"] = {}
    [only] = _diffs(raw)
    assert (only.changed, only.parts[0].hidden) == (True, "too large")


@pytest.mark.parametrize(
    ("raw", "predicted"),
    [
        ({**event("runner_on_skipped"), "stdout": SKIPPED}, True),
        ({**event("runner_on_skipped"), "stdout": FORESEEN}, False),
        ({**event("runner_on_skipped"), "stdout": "skipping: [a]"}, False),
        (
            {**event("runner_on_skipped"), "stdout": 'skipping: [a] => {"cmd": ["skip_reason", "false_condition"]}'},
            False,
        ),
        ({**event("runner_on_skipped"), "stdout": 'skipping: [a] => {"censored": "skip_reason"}'}, False),
        ({**event("runner_on_skipped"), "stdout": "skipping: [a] => skip_reason: x"}, False),
        (event("runner_item_on_skipped", {"skip_reason": "x"}), True),
        (event("runner_item_on_skipped", {"msg": "would have run"}), False),
        (event("runner_on_ok", {"changed": True, "ansible_job_id": "j1", "started": True}), False),
    ],
)
def test_a_preview_says_what_it_cannot_foresee(raw: dict[str, Any], predicted: bool) -> None:
    told = _diffs(raw, preview=True)
    assert [one.predicted for one in told] == ([] if predicted else [False])
    assert [one for one in _diffs(raw) if not one.predicted] == []


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


@pytest.mark.parametrize(
    ("kind", "message", "sent"),
    [
        ("ok", None, True),
        ("failed", "no", True),
        ("skipped", None, False),
        ("unreachable", "Data could not be sent to remote host", True),
        ("unreachable", "Failed to connect: ssh: connect to host 10.0.0.1 port 22: Connection refused", False),
    ],
)
def test_a_module_may_have_run_unless_there_was_never_a_connection(kind: str, message: str | None, sent: bool) -> None:
    seen = Observed()
    ours = {"event": kind, "host": "a", "task": "Do", "module": "ansible.builtin.copy", "ignored": False}
    observe(seen, ours if message is None else {**ours, "message": message})
    assert seen.sent == ({"a": {"ansible.builtin.copy"}} if sent else {})
