"""`gate halt` and `gate resume`: the kill switch, and letting go again."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import click

from gate.cli.cancel import told
from gate.cli.output import say, show, state, talk, with_output
from gate.values.errors import Exit

POLL_S = 0.05


@click.command()
@click.option("--reason", "-r", required=True, help="Why, for those who find everything at a stand.")
@click.option("--force", is_flag=True, help="Also stop what takes something back, and take nothing back.")
@click.option("--wait/--no-wait", default=True, help="Wait until nothing runs. That is so if nothing is said.")
@click.option("--timeout", type=float, default=600.0, show_default=True, help="How many seconds to wait.")
@with_output
@click.pass_context
def halt(ctx: click.Context, /, **given: Any) -> None:
    """Stop everything: nothing starts any more on this site, and what runs is cancelled.

    What a change did is taken back where its action says so, as with `gate cancel`; not with --force. Things can be
    asked for and approved all the same; they start after `gate resume`.
    """
    with ctx.obj(works=False) as gate:
        stops = gate.halt(reason=given["reason"], force=given["force"])
        stands = _waited(gate, stops, given["timeout"] if given["wait"] else 0.0)
        answer = {"halt": gate.halted().as_json(), "after_s": stands.after_s, "changes": _plain(stands)}
    show(given["output"], answer, lambda: _tell(answer))
    sys.exit(_exit_code(answer, waited=given["wait"]))


@click.command()
@click.option("--reason", "-r", required=True, help="What you found, and why it can go on.")
@with_output
@click.pass_context
def resume(ctx: click.Context, reason: str, output: str) -> None:
    """End the halt: what may start does."""
    with ctx.obj(works=False) as gate:
        stood = gate.resume(reason=reason).as_json()
    show(output, {"stood": stood}, lambda: say(f"{state('ok')}  resumed; halted since {_since(stood)}"))


def notice(gate: Any) -> bool:
    """Says that there is a halt, if there is one."""
    stands = gate.halted()
    if stands is not None:
        talk(f"Halted since {_since(stands.as_json())}. Nothing starts until: gate resume")
    return stands is not None


def _since(halt: Mapping[str, Any]) -> str:
    return f"{halt['at'][:19].replace('T', ' ')} UTC by {halt['actor']}: {halt['reason']}"


def _waited(gate: Any, stops: list[str], timeout_s: float) -> Any:
    deadline = time.monotonic() + timeout_s
    while True:
        stands = gate.standstill(stops)
        settled = all(change.settled for change, _ in stands.changes)
        if settled or time.monotonic() >= deadline:
            return stands
        time.sleep(POLL_S)


def _plain(stands: Any) -> list[dict[str, Any]]:
    return [
        {"id": change.id, "state": change.state.value, "stopped": [one.as_json() for one in stops]}
        for change, stops in stands.changes
    ]


def _tell(answer: Mapping[str, Any]) -> None:
    say(f"{state('halted')}  {_since(answer['halt'])}")
    for change in answer["changes"]:
        say(f"  {state(change['state'])}  {change['id']}  {', '.join(told(change['stopped']))}")
    if answer["after_s"] is None:
        talk("Something still runs: gate changes list")
    else:
        say(f"  everything stood still {answer['after_s']:.2f} s later")
    talk("next: gate resume --reason …")


def _exit_code(answer: Mapping[str, Any], *, waited: bool) -> Exit:
    states = {change["state"] for change in answer["changes"]}
    if states & {"running", "undoing"}:
        return Exit.WAITING if waited else Exit.OK
    return Exit.RUN_FAILED if states & {"unknown", "undo_failed"} else Exit.OK
