"""`gate redo`: what was taken back is asked for once more."""

from __future__ import annotations

import sys
from typing import Any

import click

from gate.cli import tell
from gate.cli.change import follow
from gate.cli.output import with_output


@click.command()
@click.argument("change")
@click.option("--reason", "-r", default="", help="Why, for the record.")
@click.option("--wait", is_flag=True, help="Wait until people have approved and it has run, too.")
@click.option("--timeout", type=float, default=600.0, show_default=True, help="How many seconds to wait.")
@with_output
@click.pass_context
def redo(ctx: click.Context, /, change: str, **given: Any) -> None:
    """Do once more what CHANGE did, where it was taken back. CHANGE is what was undone, or its undo.

    It is a new change with the same action, parameters and hosts: the rules decide on it as on any other, and it can be
    undone again.
    """
    with ctx.obj() as gate:
        made = gate.redo(change, reason=given["reason"])
        if given["output"] == "table":
            tell.decision(made.as_json())
        sys.exit(follow(gate, made.id, given))
