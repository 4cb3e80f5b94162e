"""What became of a change, for people; and the exit code that says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gate.changes.model import LOOKS
from gate.cli import diff
from gate.cli.output import say, state, talk
from gate.values.errors import Exit

_NEXT = {
    "waiting": "gate approve {id}",
    "succeeded": "gate undo {id}",
    "unknown": "gate settle {id} --as succeeded|failed|undone",
    "failed": "gate changes show {id}",
    "undo_failed": "gate changes show {id}",
}


def decision(change: Mapping[str, Any]) -> None:
    """The verdict, with each reason and its rule."""
    decided = change["decision"]
    waits = change.get("waiting_for") == "limit"  # then the deny is only a matter of time; a dry run waits for nothing
    say(f"{state(change['state'] if waits else decided['verdict'])}  {change['id']}  {what(change)}")
    for text in reasons(decided):
        say(f"  {text}")
    for need in decided["approvals"]:
        options = [need, *need.get("or", [])]
        say("  needs " + " or ".join(f"{one['count']} of {one['group']}" for one in options))


def reasons(decided: Mapping[str, Any]) -> list[str]:
    """The rules that decided, each with its reason; weaker ones fired too, but they did not matter."""
    strong = [reason for reason in decided["reasons"] if reason["verdict"] == decided["verdict"]]
    return [f"{reason['rule']}: {reason['because']}" for reason in strong]


def result(change: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], *, here: bool = True) -> None:
    """Where the change is now, what it did on each host, and what to do next, if that can be done `here`."""
    over = [run for run in runs if run["outcome"] is not None]
    acts = [run for run in over if run["phase"] not in LOOKS]
    if over and not acts:
        preview(over[-1]["outcome"])
    for run in acts:
        _run(run["phase"], run["outcome"])
    say(f"{state(change['state'])}  {change['id']}{_waits(change)}")
    following = _NEXT.get(change["state"]) if change["waiting_for"] in {None, "approval"} else None
    if here and following and not (change["state"] == "succeeded" and change["undo_of"]):
        talk(f"next: {following.format(id=change['id'])}")


def preview(outcome: Mapping[str, Any]) -> None:
    """What a preview has seen: how it ended on each host, and what would change there."""
    hosts = ", ".join(f"{host} {state(one['status'])}" for host, one in outcome["hosts"].items())
    say(f"  check  {hosts}")
    for line in diff.lines(outcome["diff"], foreseen=True):
        say(f"         {line}")
    for host, one in outcome["hosts"].items():
        if one["message"]:
            say(f"         {host}: {one['message']}")


def _run(phase: str, outcome: Mapping[str, Any]) -> None:
    hosts = ", ".join(f"{host} {state(one['status'])}{_changed(one)}" for host, one in outcome["hosts"].items())
    say(f"  {phase:<6} {hosts}")
    for host, one in outcome["hosts"].items():
        if one["message"]:
            say(f"         {host}: {one['message']}")
    if outcome["note"]:
        say(f"         {outcome['note']}")
    if phase in {"do", "undo"}:
        for line in diff.lines(outcome["diff"]):
            say(f"         {line}")


def what(change: Mapping[str, Any]) -> str:
    """`restart_service on web-01, web-02`."""
    prefix = f"undo of {change['undo_of']}: " if change["undo_of"] else ""
    return f"{prefix}{change['intent']['action']} on {', '.join(change['hosts'])}"


def exit_code(change: Mapping[str, Any], *, waited: bool) -> Exit:
    """The exit code that stands for the state of a change."""
    match change["state"]:
        case "denied" | "expired" | "withdrawn":
            return Exit.DENIED
        case "failed" | "unknown" | "undo_failed":
            return Exit.RUN_FAILED
        case "undone":
            return Exit.RUN_FAILED  # it was taken back because it failed
        case "waiting" | "ready" | "running" | "undoing" if waited:
            return Exit.WAITING
        case _:
            return Exit.OK


def _changed(one: Mapping[str, Any]) -> str:
    return f" ({one['changed']} changed)" if one["changed"] else ""


def _waits(change: Mapping[str, Any]) -> str:
    if change["waiting_for"] == "window":
        return f" for its window, which opens at {_minute(change['decision']['opens_at'])}"
    if change["waiting_for"] == "limit":
        frees_at = change["decision"].get("frees_at")
        return f" for room in a limit, {f'from {_minute(frees_at)} on' if frees_at else 'which others have to make'}"
    return f" for {change['waiting_for']}" if change["waiting_for"] else ""


def _minute(at: str) -> str:
    return f"{at[:16].replace('T', ' ')} UTC"
