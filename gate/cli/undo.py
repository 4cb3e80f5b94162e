"""`gate undo` and `gate settle`: taking back, and saying what happened."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import click

from gate.changes.model import AT_REST, State
from gate.cli import tell
from gate.cli.change import follow
from gate.cli.halt import notice
from gate.cli.output import say, show, state, talk, with_output
from gate.values.actor import Actor
from gate.values.clock import duration
from gate.values.errors import Exit

LONGEST = 120  # characters of what was recorded


@click.command()
@click.argument("change", required=False)
@click.option(
    "--by", metavar="ACTOR", help="All that agent:NAME, human:NAME or schedule:NAME did, in place of a CHANGE."
)
@click.option("--since", metavar="DURATION", default="1h", show_default=True, help="With --by: in the last 2h, say.")
@click.option("--on", "hosts", multiple=True, metavar="HOST", help="Only on this host; can be repeated.")
@click.option("--cascade", is_flag=True, help="Take later changes that are in the way back too, whoever made them.")
@click.option("--check", is_flag=True, help="Only show what would be taken back, and what is in the way.")
@click.option("--reason", "-r", default="", help="Why, for the record.")
@click.option("--wait", is_flag=True, help="Wait until people have approved and it has run, too.")
@click.option("--timeout", type=float, default=600.0, show_default=True, help="How many seconds to wait.")
@with_output
@click.pass_context
def undo(ctx: click.Context, /, change: str | None, **given: Any) -> None:
    """Take CHANGE back, from the evidence that it recorded before it changed anything.

    The undo is a change of its own: the rules decide on it, it is written down, and it is refused when somebody
    touched the same thing since. Several are one plan, the newest first; what cannot be taken back is named.

    \b
    gate undo CHANGE --check
    gate undo CHANGE --on web-02
    gate undo --by agent:planner --since 2h --check
    gate undo --by agent:planner --since 2h --cascade
    """
    if (change is None) == (given["by"] is None):
        raise click.UsageError("Name a CHANGE, or say --by ACTOR.")
    with ctx.obj() as gate:
        if change is not None and not given["cascade"] and not given["check"]:
            made = gate.undo(change, hosts=given["hosts"], reason=given["reason"])
            if given["output"] == "table":
                tell.decision(made.as_json())
            sys.exit(follow(gate, made.id, given))
        wanted = [gate.change(change).id] if change is not None else _made_by(gate, given["by"], given["since"])
        sys.exit(_undo_many(gate, wanted, given))


def _made_by(gate: Any, by: str, since: str) -> list[str]:
    try:
        actor, period = Actor.parse(by), duration(since)
    except ValueError as wrong:
        raise click.UsageError(str(wrong)) from None
    found: list[str] = gate.made_by(actor, gate.clock.now() - period)
    return found


def _undo_many(gate: Any, wanted: list[str], given: dict[str, Any]) -> Exit:
    look, table = given["check"], given["output"] == "table"
    done = gate.undo_many(wanted, hosts=given["hosts"], cascade=given["cascade"], reason=given["reason"], look=look)
    of = {step.change_id: gate.change(step.change_id) for step in done.radius.steps}
    if table:
        _print_radius(gate, done.radius, of, look=look)
    foreseen = _foreseen(gate, done.radius.steps) if look else None
    if table and foreseen:
        tell.preview(foreseen)
    began = time.monotonic()
    ended, waits = list(done.changes), bool(done.changes) and gate.works and not notice(gate)
    while waits and _moving(ended, people=given["wait"]) and time.monotonic() - began < given["timeout"]:
        time.sleep(0.05)
        ended = [gate.change(one.id) for one in ended]
    seconds = round(time.monotonic() - began, 3)
    answer = {
        "steps": [
            {"change": one.change_id, "hosts": list(one.hosts), "after": list(one.after)} for one in done.radius.steps
        ],
        "conflicts": [
            {"change": one.change_id, "host": one.host, "by": one.by or None, "why": one.why}
            for one in done.radius.conflicts
        ],
        "changes": [one.as_json() for one in ended],
        "seconds": seconds,
        "preview": foreseen,
    }
    show(given["output"], answer, lambda: None if look else _print_ended(ended, seconds))
    return _exit_code(done.radius.conflicts, ended)


def _foreseen(gate: Any, steps: Any) -> dict[str, Any] | None:
    """What `--check --diff` of the undo shows. Of several only the last change could be looked at, so none is."""
    if len(steps) != 1:
        return None
    outcome = gate.check_undo(steps[0].change_id, hosts=steps[0].hosts)
    found: dict[str, Any] | None = outcome and outcome.as_json()
    return found


def _moving(changes: list[Any], *, people: bool) -> bool:
    """Whether something of it goes on: by itself, or, with `people`, when those have spoken for whom it waits."""
    return any(not one.settled or (people and one.state not in AT_REST) for one in changes)


def _print_radius(gate: Any, radius: Any, of: dict[str, Any], *, look: bool) -> None:
    for step in radius.steps:
        change = of[step.change_id]
        word = "would undo" if look else "undo"
        say(f"{word}  {step.change_id}  {change.intent.action} on {', '.join(step.hosts)}, by {change.actor}")
        if look:
            _print_evidence(gate, step)
    for one in radius.conflicts:
        who = f" {one.by}, by {gate.change(one.by).actor}:" if one.by else ""
        say(f"stays  {one.change_id}  on {one.host}:{who} {one.why}")
    if look:
        talk(f"To take back: {len(radius.steps)}. In the way: {len(radius.conflicts)}.")


def _print_evidence(gate: Any, step: Any) -> None:
    """What would be restored: the resources, and what was recorded of them, as far as it is short."""
    from gate.undo.evidence import collect

    for host, recorded in sorted(collect(gate.story(step.change_id)).items()):
        if host not in step.hosts or not isinstance(recorded, dict):
            continue
        say(f"    {host}: {', '.join(map(str, recorded.get('resources', ['it does not say what'])))}")
        for name, value in recorded.items():
            if name != "resources":
                text = value if isinstance(value, str) else json.dumps(value)
                say(f"        {name} = {text if len(text) <= LONGEST else text[:LONGEST] + '…'}")


def _print_ended(ended: list[Any], seconds: float) -> None:
    for one in ended:
        say(f"{state(one.state.value)}  {one.id}  undo of {one.undo_of}")
    done = sum(one.state == "succeeded" for one in ended)
    talk(f"Taken back: {done} of {len(ended)}, in {seconds:.1f} s.")


def _exit_code(conflicts: Any, ended: list[Any]) -> Exit:
    """The worst of what came of it."""
    codes = [tell.exit_code(one.as_json(), waited=False) for one in ended]
    for worst in (Exit.RUN_FAILED, Exit.DENIED):
        if worst in codes:
            return worst
    return Exit.NOT_UNDOABLE if conflicts else Exit.OK


@click.command()
@click.argument("change")
@click.option(
    "--as",
    "found",
    required=True,
    type=click.Choice(["succeeded", "failed", "undone"]),
    help="What you found on the hosts.",
)
@click.option("--reason", "-r", required=True, help="How you know.")
@with_output
@click.pass_context
def settle(ctx: click.Context, change: str, found: str, reason: str, output: str) -> None:
    """Say what became of CHANGE after its run was lost; its hosts are free again then.

    Look at the hosts first: `gate changes show CHANGE` says what was recorded.
    """
    with ctx.obj() as gate:
        done = gate.settle(change, state=State(found), reason=reason)
        show(output, done.as_json(), lambda: say(f"{state(done.state.value)}  {done.id}"))
