"""ansible-runner's events, reduced to what people and undo need.

Only listed fields pass: results of modules can hold file contents and secrets, so nothing else of them is kept.
And of these no secret passes: texts are redacted first, and cut then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate.execution.outcome import Observed, Task
from gate.execution.secrecy import Secrecy

_KINDS = {
    "runner_on_start": "started",
    "runner_on_ok": "ok",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
    "runner_on_skipped": "skipped",
    "runner_item_on_failed": "item_failed",
    "runner_on_file_diff": "diff",
    "runner_on_diff": "diff",
    "playbook_on_stats": "stats",
    "error": "error",
}
_ENDS = frozenset({"ok", "failed", "unreachable", "skipped"})  # of a task on a host; a loop's items do not end it
MAX_TEXT = 4_000
MAX_DIFF = 64_000
_DIFF = ("before_header", "after_header", "before", "after", "prepared")
_NOTHING_KNOWN = Secrecy()
_STATS = ("ok", "changed", "failures", "dark", "skipped", "rescued", "ignored")


def reduce_event(event: Mapping[str, Any], secrecy: Secrecy = _NOTHING_KNOWN) -> dict[str, Any] | None:
    """One event of ours from one of ansible-runner's, as it may be told; None for those that say nothing."""
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
        ours["changed"] = bool(result.get("changed"))
    diff = data.get("diff") if kind == "diff" else result.get("diff")
    if diff and not _hidden(result):
        ours["diff"] = _diff(secrecy.redactor.value(diff))
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
        if kind != "diff":  # runner reports a diff twice: as an event and in the result
            seen.diff.setdefault(host, []).extend(ours.get("diff", []))


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


def _diff(diff: Any) -> list[dict[str, Any]]:
    parts = diff if isinstance(diff, list) else [diff]
    return [
        {
            name: _clip(part[name])
            for name in ("before_header", "after_header", "before", "after", "prepared")
            if name in part
        }
        for part in parts
        if isinstance(part, dict)
    ]


def _clip(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_DIFF:
        return value[:MAX_DIFF] + f"\n[{len(value) - MAX_DIFF} more characters]"
    return value


def _hidden(result: Mapping[str, Any]) -> bool:
    return bool(result.get("_ansible_no_log")) or "censored" in result


def _message(result: Mapping[str, Any], secrecy: Secrecy) -> str:
    if _hidden(result):
        return "The result is hidden (no_log)."
    return _text(result.get("msg") or result.get("stderr") or result.get("reason") or "No message.", secrecy)


def _text(value: Any, secrecy: Secrecy) -> str:
    text = secrecy.text(value if isinstance(value, str) else str(value))
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " [cut]"
