"""`gate token`: credentials for agents and people. A token is shown once."""

from __future__ import annotations

import click

from gate.cli.output import show, table, talk, with_output
from gate.identity import tokens
from gate.values.actor import Actor, ActorKind
from gate.values.clock import duration


@click.group()
def token() -> None:
    """Credentials of agents and people."""


@token.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(["agent", "human"]), default="agent", show_default=True)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    help="propose, read, operate, admin or approve:GROUP; can be repeated. Default: propose.",
)
@click.option("--for", "ttl", default="30d", show_default=True, help="How long it is good for: 12h, 30d, 8w.")
@with_output
@click.pass_context
def new(ctx: click.Context, name: str, kind: str, scopes: tuple[str, ...], ttl: str, output: str) -> None:
    """Make a token for NAME, and print it: it cannot be had again.

    An agent's token can carry propose and read, and never anything else.
    """
    try:
        actor, lives = Actor(ActorKind(kind), name), duration(ttl)
    except ValueError as wrong:
        raise click.UsageError(f"{wrong}.") from wrong
    with ctx.obj(works=False) as gate:
        token_id, text = gate.new_token(actor, scopes or ("propose",), lives)
    answer = {"id": token_id, "actor": str(actor), "scopes": sorted(scopes or ("propose",)), "token": text}
    show(output, answer, lambda: click.echo(text))
    talk(f"{token_id} for {actor}. Give it as GATE_TOKEN; it is not stored here and not shown again.")


@token.command("list")
@with_output
@click.pass_context
def list_tokens(ctx: click.Context, output: str) -> None:
    """All tokens, without their text."""
    with ctx.obj(works=False) as gate, gate.database.read() as connection:
        rows = tokens.rows(connection)
    plain = [
        {
            "id": row.id,
            "actor": row.actor,
            "scopes": row.scopes,
            "expires_at": row.expires_at,
            "revoked_at": row.revoked_at,
        }
        for row in rows
    ]
    lines = [[row.id, row.actor, row.scopes, row.expires_at[:10], (row.revoked_at or "-")[:10]] for row in rows]
    show(
        output,
        {"tokens": plain},
        lambda: table(lines, ["token", "actor", "scopes", "expires", "revoked"], "No tokens yet."),
    )


@token.command("revoke")
@click.argument("token_id")
@click.pass_context
def revoke(ctx: click.Context, token_id: str) -> None:
    """End a token at once."""
    with ctx.obj(works=False) as gate:
        gate.revoke_token(token_id)
    talk(f"{token_id} is revoked.")
