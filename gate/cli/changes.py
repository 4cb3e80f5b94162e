"""`gate changes`: what was asked for, and what became of it."""

from __future__ import annotations

import sys
from typing import Any

import click

from gate.changes.model import State
from gate.cli import tell
from gate.cli.halt import notice
from gate.cli.output import say, show, state, table, with_output


@click.group()
def changes() -> None:
    """Look at changes."""


@changes.command("list")
@click.option("--state", "wanted", type=click.Choice([one.value for one in State]), help="Only these.")
@click.option("--host", help="Only those that touch this host.")
@click.option("--limit", "-n", type=click.IntRange(1, 1000), default=20, show_default=True)
@with_output
@click.pass_context
def list_changes(ctx: click.Context, wanted: str | None, host: str | None, limit: int, output: str) -> None:
    """The newest changes."""
    with ctx.obj(works=False) as gate:
        found = [one.as_json() for one in gate.changes(limit, state=State(wanted) if wanted else None, host=host)]
        notice(gate)
    rows = [
        [one["id"], one["state"], one["created_at"][:19].replace("T", " "), one["actor"], tell.what(one)]
        for one in found
    ]
    show(output, {"changes": found}, lambda: table(rows, ["id", "state", "asked", "by", "what"], "No changes yet."))


@changes.command("show")
@click.argument("change")
@with_output
@click.pass_context
def show_change(ctx: click.Context, change: str, output: str) -> None:
    """One change: its decision, its runs, and its story from the ledger."""
    with ctx.obj(works=False) as gate:
        found = gate.change(change).as_json()
        story = [entry.as_json() for entry in gate.story(change)]
        runs = gate.runs(change)
    answer = {**found, "runs": runs, "story": story}
    show(output, answer, lambda: _print(found, runs, story))


@changes.command("wait")
@click.argument("change")
@click.option("--timeout", type=float, default=600.0, show_default=True, help="How many seconds to wait.")
@with_output
@click.pass_context
def wait(ctx: click.Context, change: str, timeout: float, output: str) -> None:
    """Wait until CHANGE is at rest; the exit code says how it ended."""
    with ctx.obj() as gate:
        gate.wake()
        found = gate.wait(change, timeout, approval=True).as_json()
        runs = gate.runs(change)
    show(output, {**found, "runs": runs}, lambda: tell.result(found, runs))
    sys.exit(tell.exit_code(found, waited=True))


def _print(found: dict[str, Any], runs: list[dict[str, Any]], story: list[dict[str, Any]]) -> None:
    tell.decision(found)
    say(f"  asked by {found['actor']}: {found['intent']['reason'] or '(no reason given)'}")
    tell.result(found, runs)
    say()
    for entry in story:
        if entry["kind"] == "progress":
            continue  # `gate logs` tells that
        say(f"  {entry['seq']:>5}  {entry['at'][:19].replace('T', ' ')}  {state(entry['kind']):<14}  {entry['actor']}")
