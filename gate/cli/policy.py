"""`gate policy`: what the rules say, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gate.cli.change import read_intent
from gate.cli.output import say, show, talk, with_output
from gate.intent import Intent


@click.group()
def policy() -> None:
    """What the rules say."""


@policy.command("check")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@with_output
@click.pass_context
def check(ctx: click.Context, folder: Path | None, output: str) -> None:
    """Read the rules, compile them, and try each on both sides of its edges."""
    from gate.policy.policy import Policy
    from gate.settings import find_site

    rules = folder or find_site(ctx.obj.site).rules
    with Policy.load(rules) as loaded:
        answer = {"generation": loaded.generation, "rules": [rule.id for rule in loaded.rules]}
    show(
        output,
        answer,
        lambda: talk(f"{rules}: {len(answer['rules'])} rules are sound. Generation {answer['generation']}"),
    )


@policy.command("explain")
@click.argument("change", required=False)
@click.option(
    "--intent",
    "file",
    metavar="FILE",
    help="Explain an intent from a JSON file (- is stdin) as it would be decided now.",
)
@with_output
@click.pass_context
def explain(ctx: click.Context, change: str | None, file: str | None, output: str) -> None:
    """Why CHANGE was decided as it was: which rules, which facts, and what would have to be different."""
    from gate.policy.decision import Decision
    from gate.policy.explain import explain as lines_of

    if (change is None) == (file is None):
        raise click.UsageError("Name a CHANGE, or give --intent FILE.")
    with ctx.obj(works=False) as gate:
        decided: dict[str, Any]
        if change is not None:
            decided = dict(gate.change(change).decision)
        else:
            decided = gate.decide(Intent.parse(read_intent(str(file))))["decision"]
        decision = Decision.from_json(decided)
        # rules of today tell only about a decision of today's generation
        rules = gate.policy.rules if gate.policy.generation == decision.generation else ()
        text = lines_of(decision, rules)
    show(output, {"decision": decided, "explanation": text}, lambda: say("\n".join(text)))
    if not rules:
        talk("The rules have changed since: what would have to be different cannot be said any more.")
