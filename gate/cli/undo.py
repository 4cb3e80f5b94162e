"""`gate undo` and `gate settle`: taking back, and saying what happened."""

from __future__ import annotations

import sys
from typing import Any

import click

from gate.changes.model import State
from gate.cli import tell
from gate.cli.change import follow
from gate.cli.output import say, show, state, with_output


@click.command()
@click.argument("change")
@click.option("--reason", "-r", default="", help="Why, for the record.")
@click.option("--wait", is_flag=True, help="Wait until people have approved and it has run, too.")
@click.option("--timeout", type=float, default=600.0, show_default=True, help="How many seconds to wait.")
@with_output
@click.pass_context
def undo(ctx: click.Context, /, change: str, **given: Any) -> None:
    """Take CHANGE back, from the evidence that it recorded before it changed anything.

    The undo is a change of its own: the rules decide on it, it is written down, and it is refused when somebody
    touched the same thing since.
    """
    with ctx.obj() as gate:
        made = gate.undo(change, reason=given["reason"])
        if given["output"] == "table":
            tell.decision(made.as_json())
        sys.exit(follow(gate, made.id, given))


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
