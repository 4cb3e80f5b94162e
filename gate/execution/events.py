"""ansible-runner's events, reduced to what people and undo need.

Only listed fields pass: results of modules can hold file contents and secrets, so nothing else of them is kept.
And of these no secret passes: texts are redacted first, and cut then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gate.execution.diff import NO_LOG, TOO_LARGE, Part, TaskDiff, parts_of
from gate.execution.outcome import Observed, Task
from gate.execution.secrecy import Secrecy

_KINDS = {
    "runner_on_start": "started",
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_skipped": "skipped",
    "runner_item_on_ok": "item_ok",
    "runner_item_on_failed": "item_failed",
    "runner_item_on_skipped": "item_skipped",
    "playbook_on_stats": "stats",
    "error": "error",
}
_ENDS = frozenset({"ok", "failed", "unreachable", "skipped"})  # of a task on a host; a loop's items do not end it
MAX_TEXT = 4_000
NEVER_CONNECTED = "ssh: connect to host"  # what ssh says before there is a connection on which anything could be sent
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NOTHING_KNOWN = Secrecy()
_STATS = ("ok", "changed", "failures", "dark", "skipped", "rescued", "ignored")


def reduce_event(
    event: Mapping[str, Any], secrecy: Secrecy = _NOTHING_KNOWN, *, preview: bool = False
) -> dict[str, Any] | None:
    """One event of ours from one of ansible-runner's, as it may be told; None for those that say nothing.

    In a `preview` a task that Ansible skips because it cannot foresee what it would do is told, too.
    """
    kind = _KINDS.get(str(event.get("event")))
    if kind is None:
        return None
    data = event.get("event_data") or {}
    found = data.get("res")
    result: Mapping[str, Any] = found if isinstance(found, dict) else {}
    ours: dict[str, Any] = {"event": kind, "at": event.get("created")}
    if kind == "stats":
        return {**ours, "hosts": _stats(data)}
    task = data.get("task")
    ours |= {"host": data.get("host"), "task": task and _text(task, secrecy), "module": data.get("task_action")}
    if kind == "error":
        return {**ours, "message": _text(event.get("stdout"), secrecy)}
    if kind in {"failed", "item_failed", "unreachable"}:
        ours |= {"message": _message(result, secrecy), "ignored": bool(data.get("ignore_errors"))}
    if kind == "ok":
        ours["changed"] = _has_changed(data, result)
    diff = _diff(kind, ours, event, result, secrecy, preview=preview)
    if diff is not None:
        ours["diff"] = diff.as_json()
    elif kind in {"item_ok", "item_skipped"}:
        return None
    evidence = _evidence(result)
    return ours if evidence is None else {**ours, "evidence": secrecy.evidence(str(data.get("host")), evidence)}


def observe(seen: Observed, ours: Mapping[str, Any]) -> None:
    """Adds one reduced event to what was seen of the run."""
    kind, host = ours["event"], ours.get("host")
    if kind == "stats":
        seen.stats = ours["hosts"]
    elif kind == "error":
        seen.words.append(ours["message"])
    elif isinstance(host, str):
        seen.started.add(host)
        _follow(seen, kind, host, ours)
        if kind in {"failed", "item_failed", "unreachable"} and not ours["ignored"]:
            seen.messages[host] = f"{ours['task']}: {ours['message']}"
        if "evidence" in ours:
            seen.evidence[host] = ours["evidence"]
        if "diff" in ours:
            seen.diff.setdefault(host, []).append(TaskDiff.from_json(ours["diff"]))


def _follow(seen: Observed, kind: str, host: str, ours: Mapping[str, Any]) -> None:
    task = Task(str(ours.get("task")), str(ours.get("module")))
    if kind == "started":
        seen.unreachable.discard(host)  # the playbook goes on there all the same
        seen.in_flight[host] = task
    elif kind in _ENDS:
        seen.in_flight.pop(host, None)
        seen.last[host] = task
        seen.changed[host] = seen.changed.get(host, 0) + bool(ours.get("changed"))
    if kind == "unreachable":
        seen.unreachable.add(host)
    if kind in {"ok", "failed"} or (kind == "unreachable" and NEVER_CONNECTED not in str(ours.get("message"))):
        seen.sent.setdefault(host, set()).add(task.module)


def _stats(data: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    hosts: dict[str, dict[str, int]] = {}
    for name in _STATS:
        for host, count in (data.get(name) or {}).items():
            hosts.setdefault(host, {})[name] = int(count)
    for host in data.get("processed") or {}:
        hosts.setdefault(host, {})
    return hosts


def _evidence(result: Mapping[str, Any]) -> Any:
    stats = result.get("ansible_stats")
    if not isinstance(stats, dict) or not stats.get("per_host"):
        return None
    recorded = stats.get("data")
    return recorded.get("undo") if isinstance(recorded, dict) else None


def _has_changed(data: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    # ansible-runner empties a result that is too large for it: then nothing is known, so it counts
    return bool(result.get("changed")) or data.get("res") == {}


def _diff(
    kind: str,
    ours: Mapping[str, Any],
    event: Mapping[str, Any],
    result: Mapping[str, Any],
    secrecy: Secrecy,
    *,
    preview: bool,
) -> TaskDiff | None:
    """What the task changed, or would change; None if there is nothing to say."""
    if "results" in result:
        return None  # of a loop: its items have said it
    data = event.get("event_data") or {}
    predicted = not preview or _is_foreseen(kind, str(event.get("stdout")), result)
    parts: tuple[Part, ...] = ()
    if kind in {"ok", "item_ok", "failed", "item_failed"}:
        if data.get("res") == {}:
            parts = (Part(hidden=TOO_LARGE),)
        elif _hidden(result):
            parts = (Part(hidden=NO_LOG),)
        else:
            parts = parts_of(result.get("diff"), secrecy.redactor)
    changed = kind in {"ok", "item_ok"} and (_has_changed(data, result) or (_hidden(result) and preview))
    if not changed and predicted and not (parts and kind in {"failed", "item_failed"} and not _hidden(result)):
        return None
    name = " ".join(filter(None, [str(ours.get("task")), _item(result, secrecy)]))
    return TaskDiff(task=name, module=str(ours.get("module")), changed=changed, predicted=predicted, parts=parts)


def _is_foreseen(kind: str, printed: str, result: Mapping[str, Any]) -> bool:
    """Whether a preview says what the task would do: not if it was skipped without a condition, or left running."""
    if kind in {"ok", "item_ok"}:
        return "ansible_job_id" not in result
    if kind == "item_skipped":
        return "skip_reason" in result
    if kind != "skipped":
        return True
    # ansible-runner leaves the result of a skipped task out of its event; with -v Ansible prints it
    _, arrow, text = printed.partition(" => ")
    try:
        told = json.loads(_COLOUR.sub("", text)) if arrow else {}
    except ValueError:
        told = {}
    # of a loop its items, if there are any, have said it
    return isinstance(told, dict) and (
        "skip_reason" in told or "skipped_reason" in told or told.get("msg") == "All items skipped"
    )


def _item(result: Mapping[str, Any], secrecy: Secrecy) -> str:
    label = result.get("_ansible_item_label")
    if label is None or _hidden(result):
        return ""
    text = secrecy.text(label if isinstance(label, str) else json.dumps(secrecy.redactor.value(label), default=str))
    return f"({text[:80]})"


def _hidden(result: Mapping[str, Any]) -> bool:
    return bool(result.get("_ansible_no_log")) or "censored" in result


def _message(result: Mapping[str, Any], secrecy: Secrecy) -> str:
    if _hidden(result):
        return "The result is hidden (no_log)."
    return _text(result.get("msg") or result.get("stderr") or result.get("reason") or "No message.", secrecy)


def _text(value: Any, secrecy: Secrecy) -> str:
    text = secrecy.text(value if isinstance(value, str) else str(value))
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " [cut]"
