"""`gate plan`: words become intents. The planner speaks to the gate as any agent does: through the wire client."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from gate.cli import tell
from gate.cli.output import say, show, talk, with_output
from gate.values.errors import Exit


@click.command()
@click.argument("words")
@click.option("--propose", "really", is_flag=True, help="Propose what was planned, step by step.")
@click.option(
    "--model", help="`retrieval` (no model needed), or LangChain's provider:model. Default: planner.model in gate.toml."
)
@click.option("--timeout", type=float, default=600.0, show_default=True, help="How many seconds to wait for each step.")
@with_output
@click.pass_context
def plan(ctx: click.Context, words: str, really: bool, model: str | None, timeout: float, output: str) -> None:  # noqa: FBT001
    """Show what a planner would ask for, given WORDS; it says so when the catalog cannot serve them.

    \b
    gate plan "set workers to 8 in section server of /etc/app/app.ini on web-03"
    """
    with _client(ctx, works=really) as (client, configured):
        planned, changes = _plan(client, words, model or configured, really, timeout)
    answer = {**planned, "changes": changes}
    show(output, answer, lambda: _print(planned, changes))
    if planned["cannot"]:
        sys.exit(Exit.FAILED)
    if changes:
        sys.exit(tell.exit_code(changes[-1], waited=False))
    if output == "table" and not really:
        talk("next: the same with --propose")


def _plan(client: Any, words: str, model: str, really: bool, timeout: float) -> tuple[dict[str, Any], list[Any]]:  # noqa: FBT001
    from planner.catalog import CatalogView
    from planner.propose import propose

    made = _planner(model).plan(words, CatalogView.parse(client.catalog()))
    planned = made.model_dump(mode="json")
    return planned, propose(made, client, timeout_s=timeout) if really and made.steps else []


def _planner(model: str) -> Any:
    if model == "retrieval":
        from planner.retrieval import RetrievalPlanner

        return RetrievalPlanner()
    from planner.model import ChatModelPlanner

    return ChatModelPlanner.named(model)


class _client:  # noqa: N801 - reads as a function where it is used
    """The wire client: to GATE_URL if it is set, or to the site here, without a network."""

    def __init__(self, ctx: click.Context, *, works: bool) -> None:
        self._ctx, self._works = ctx, works
        self._gate: Any = None

    def __enter__(self) -> tuple[Any, str]:
        from gate.client import GateClient

        if os.environ.get("GATE_URL"):
            self._client = GateClient.from_environment()
            return self._client, "retrieval"
        from gate.identity.scopes import Identity
        from gate.web.api import create_app
        from gate.web.local import InProcess

        gate = self._gate = self._ctx.obj(works=self._works)
        identity = Identity(gate.actor, frozenset({"propose", "read"}))
        app = create_app(gate, lambda _: identity)
        self._client = GateClient("http://here", "", transport=InProcess(app))
        return self._client, gate.folder.settings.planner.model

    def __exit__(self, *_: object) -> None:
        self._client.close()
        if self._gate is not None:
            self._gate.close()


def _print(planned: dict[str, Any], changes: list[dict[str, Any]]) -> None:
    if planned["cannot"]:
        say(f"cannot do: {planned['cannot']['reason']}")
        say(f"  {planned['cannot']['detail']}")
        return
    for step in planned["steps"]:
        intent = step["intent"]
        after = f"  after {', '.join(step['after'])}" if step["after"] else ""
        say(f"{step['id']}  {intent['action']} on {', '.join(intent['targets'])}{after}")
        for name, value in intent["parameters"].items():
            say(f"      {name} = {value}")
    say(f"planned by {planned['planner']}")
    for change in changes:
        say()
        tell.decision(change)
        tell.result(change, [])
