"""`gate approve` and `gate reject`: a person sees the card, and says yes or no to exactly what it shows."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from gate.cli import tell
from gate.cli.change import follow
from gate.cli.output import is_interactive, say, show, state, talk, with_output
from gate.values.errors import Exit

_FIDELITY = {
    "full": "The action does what its preview shows.",
    "partial": "The action can do more than its preview shows.",
    "none": "This action has no preview.",
}


@click.command()
@click.argument("change")
@click.option("--comment", "-m", default="", help="What to write down with the yes.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask; for scripts of people.")
@click.option("--show", "only_show", is_flag=True, help="Only show the card.")
@click.option("--timeout", type=float, default=600.0, show_default=True, help="How many seconds to wait for the run.")
@with_output
@click.pass_context
def approve(ctx: click.Context, /, change: str, **given: Any) -> None:
    """Show what CHANGE would do, and approve it if you say yes.

    The yes is bound to what was shown: if the action, the hosts, the rules or the preview change before it starts,
    it is void, and the change waits again.
    """
    with ctx.obj() as gate:
        gate.wake()
        gate.wait(change, 120)
        card = gate.card(change).as_json()
        if given["only_show"]:
            show(given["output"], card, lambda: print_card(card))
            return
        if given["output"] == "table":
            print_card(card)
        if not given["yes"] and not _asked(card):
            talk("Nothing was approved.")
            sys.exit(Exit.OK)
        done = gate.approve(card["change"]["id"], binding=card["binding"], comment=given["comment"])
        if given["output"] == "table":
            say(f"{state('approved')} by {gate.actor}")
        sys.exit(follow(gate, done.id, given))


@click.command()
@click.argument("change")
@click.option("--reason", "-r", required=True, help="Why not.")
@with_output
@click.pass_context
def reject(ctx: click.Context, change: str, reason: str, output: str) -> None:
    """Say no to CHANGE while it waits; your own wish is withdrawn by it."""
    with ctx.obj() as gate:
        done = gate.reject(change, reason=reason)
        show(output, done.as_json(), lambda: say(f"{state(done.state.value)}  {done.id}"))


def print_card(card: Mapping[str, Any]) -> None:
    """The card, for people: the answers come in the order in which one asks."""
    change = card["change"]
    intent = change["intent"]
    rows = [
        ("what", f"{intent['action']}: {card['summary']}"),
        ("", ", ".join(f"{name}={value}" for name, value in card["parameters"].items())),
        ("where", ", ".join(change["hosts"])),
        ("who", change["actor"]),
        ("why", f"{intent['reason'] or '(no reason given)'}  (their words)"),
        *[("rules", text) for text in tell.reasons(change["decision"])],
        *[("when", f"not before {at[:16].replace('T', ' ')} UTC") for at in (change["decision"]["opens_at"],) if at],
        ("undo", card["undo"]),
        *[
            ("given", f"{one['approver']} {one['comment']}{'' if one['counts'] else ' (void)'}")
            for one in card["given"]
        ],
        ("needs", ", ".join(_need(need) for need in card["missing"]) or "nothing more"),
        ("until", card["expires_at"]),
    ]
    say(f"{state(change['state'])}  {change['id']}")
    for name, text in rows:
        say(f"  {name:<6} {text}")
    _print_preview(card)


def _need(need: Mapping[str, Any]) -> str:
    return " or ".join(f"{one['count']} of {one['group']}" for one in [need, *need.get("or", [])])


def _print_preview(card: Mapping[str, Any]) -> None:
    preview = card["preview"]
    if card["preview_state"] == "failed":
        say(f"  check  {state('failed')}: what it would do could not be found out; it will hardly run either")
        return
    if preview is None:
        say(
            f"  check  {card['preview_state']}"
            + (" (this action cannot be previewed)" if card["check"] == "none" else "")
        )
        return
    tell.preview(preview)
    seen = f"Seen at {card['preview_at'][:19].replace('T', ' ')}. " if card["preview_at"] else ""
    say(f"         {seen}{_FIDELITY[card['check']]} (--check --diff, fidelity: {card['check']})")


def _asked(card: Mapping[str, Any]) -> bool:
    if not is_interactive():
        raise click.UsageError("Nobody can be asked here. Approve with --yes, or at a terminal.")
    return click.confirm(f"Approve {card['change']['id']}?", default=False, err=True)
