"""`gate policy status, generations, rollback`: which rules decide, which did before, and going back."""

from __future__ import annotations

import sys
from typing import Any

import click

from gate.cli.output import say, show, table, talk, with_output
from gate.values.clock import stamp
from gate.values.errors import Exit, GateError


@click.command()
@with_output
@click.pass_context
def status(ctx: click.Context, output: str) -> None:
    """Which generation decides, and why a newer edit does not."""
    with ctx.obj(works=False) as gate:
        policy = gate.policy
        trouble = policy.trouble
        answer = {
            "generation": policy.generation,
            "rules": len(policy.rules),
            "folder": str(gate.folder.rules),
            "trouble": trouble and trouble.as_dict(),
        }
    show(output, answer, lambda: _tell(answer))
    if trouble is not None:
        sys.exit(Exit.USAGE)


@click.command()
@with_output
@click.pass_context
def generations(ctx: click.Context, output: str) -> None:
    """The generations of rules that decided here, the newest first."""
    with ctx.obj(works=False) as gate:
        found = gate.archive.all()
    rows = [(one.generation[7:19], stamp(one.at)[:19], "decides now" if one.current else "") for one in found]
    answer = {"generations": [one.as_json() for one in found]}
    show(output, answer, lambda: table(rows, ("generation", "first loaded (UTC)", ""), "None has decided yet."))


@click.command()
@click.argument("generation")
@click.option("--reason", "-r", required=True, help="Why. It is on the ledger, with your name and both generations.")
@with_output
@click.pass_context
def rollback(ctx: click.Context, generation: str, reason: str, output: str) -> None:
    """Make GENERATION the rules again: its files replace those of the rules folder, which are kept.

    GENERATION is the beginning of a digest, as `gate policy generations` prints it.
    """
    with ctx.obj(works=False) as gate:
        edits = _edits(gate, generation)
        restored = gate.roll_back(generation, reason=reason)
        decides = gate.policy.generation
    answer: dict[str, Any] = {"restored": restored.generation, "decides": decides, "edits": edits}
    show(output, answer, lambda: say(*edits))
    talk(f"The rules are generation {restored.generation[7:19]} again.")


def _edits(gate: Any, generation: str) -> list[str]:
    from gate.policy.rules.rulebook import read_rulebook
    from gate.policy.tools.difference import edits

    wanted = read_rulebook(gate.archive.get(generation).folder)
    try:
        present = read_rulebook(gate.folder.rules)
    except GateError as wrong:
        return [f"the present rules could not be read: {wrong.what}"]
    return [f"{one.how} {one.kind} {one.name}" for one in edits(present, wanted)]


def _tell(answer: dict[str, Any]) -> None:
    say(f"{answer['rules']} rules decide, generation {answer['generation']}")
    if answer["trouble"]:
        say(f"{answer['folder']} was edited and is not taken: {answer['trouble']['what']}")
        say(f"    why: {answer['trouble']['why']}")
        say(f"    do:  {answer['trouble']['do']}")
