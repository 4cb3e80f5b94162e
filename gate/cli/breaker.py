"""`gate breaker`: what stands still after too many failures, and going on after a person has looked."""

from __future__ import annotations

import click

from gate.cli.output import say, show, state, table, with_output


@click.group()
def breaker() -> None:
    """What stands still after too many failures."""


@breaker.command("list")
@with_output
@click.pass_context
def list_breakers(ctx: click.Context, output: str) -> None:
    """How the breakers of the rules stand, for everything of which something failed since it was reset."""
    with ctx.obj(works=False) as gate:
        found = gate.breakers()
    rows = [
        [one.breaker, one.key, "open" if one.open else "closed", ", ".join(past.id for past in one.failures)]
        for one in found
    ]
    show(
        output,
        {"breakers": [one.as_json() for one in found]},
        lambda: table(rows, ["breaker", "key", "state", "failures"], "Nothing has failed."),
    )


@breaker.command("reset")
@click.argument("name")
@click.argument("key")
@click.option("--reason", "-r", required=True, help="What you found, and why it can go on.")
@with_output
@click.pass_context
def reset(ctx: click.Context, name: str, key: str, reason: str, output: str) -> None:
    """Let KEY go on, which the breaker NAME has stopped: the failures so far are forgotten.

    Look at them first: `gate changes show CHANGE` tells the story of each.
    """
    with ctx.obj(works=False) as gate:
        stood = gate.reset_breaker(name, key, reason=reason)
    answer = {"breaker": name, "key": key, "forgot": [past.id for past in stood.failures]}
    show(output, answer, lambda: say(f"{state('ok')}  {name} {key}: {len(stood.failures)} failures are forgotten"))
