"""`gate cancel`: stop a change, see how long that took, and what is known of each host."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from gate.cli import tell
from gate.cli.output import say, show, talk, with_output
from gate.values.errors import Exit


@click.command()
@click.argument("change")
@click.option("--reason", "-r", default="", help="Why, for the record.")
@click.option("--force", is_flag=True, help="Also stop a run that takes something back, and start none.")
@click.option("--wait/--no-wait", default=True, help="Wait until it is at rest. That is so if nothing is said.")
@click.option("--timeout", type=float, default=600.0, show_default=True, help="How many seconds to wait.")
@with_output
@click.pass_context
def cancel(ctx: click.Context, /, change: str, **given: Any) -> None:
    """Withdraw CHANGE while it waits, or stop it while it runs.

    The task in flight is ended too, as far as it is a process of this machine; where that is not certain, the host is
    called unknown. What was done already is taken back if the action says `on_failure: undo`. A run that takes
    something back is stopped by --force alone.
    """
    if os.environ.get("GATE_URL"):
        _cancel_elsewhere(change, given)
        return
    with ctx.obj(works=False) as gate:
        asked = gate.cancel(change, reason=given["reason"], force=given["force"])
        done = gate.wait(asked.id, given["timeout"], approval=True) if given["wait"] else asked
        answer = {**done.as_json(), "runs": gate.runs(done.id), "stopped": _stopped(gate, done.id)}
    show(given["output"], answer, lambda: _tell(answer))
    sys.exit(exit_code(answer, waited=given["wait"]))


def exit_code(change: Mapping[str, Any], *, waited: bool) -> Exit:
    """0 if it was stopped and it is known what it did, or it is on its way there and nobody waits for that."""
    match change["state"]:
        case "unknown" | "undo_failed":
            return Exit.RUN_FAILED
        case "running" | "undoing":
            return Exit.WAITING if waited else Exit.OK
        case "succeeded":
            return Exit.FAILED  # it was done before it could be stopped
        case _:
            return Exit.OK


def told(stops: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was stopped, and in which time."""
    return [
        f"{stop['phase']} "
        + ("is being stopped" if stop["after_s"] is None else f"ended {stop['after_s']:.2f} s later")
        for stop in stops
    ]


def _stopped(gate: Any, change_id: str) -> list[dict[str, Any]]:
    from gate.flow.cancel import stopped

    return [one.as_json() for one in stopped(gate.story(change_id))]


def _tell(answer: Mapping[str, Any]) -> None:
    tell.result(answer, answer["runs"])
    for line in told(answer["stopped"]):
        say(f"  {line}")
    if answer["state"] == "succeeded":
        talk("It was done before it could be stopped.")


def _cancel_elsewhere(change: str, given: dict[str, Any]) -> None:
    from gate.client import GateClient

    with GateClient.from_environment() as client:
        done = client.cancel(change, reason=given["reason"], force=given["force"])
        if given["wait"] and not done["settled"]:
            done = client.wait(done["id"], given["timeout"])
    show(given["output"], done, lambda: tell.result(done, [], here=False))
    sys.exit(exit_code(done, waited=given["wait"]))
