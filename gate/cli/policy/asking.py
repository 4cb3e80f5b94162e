"""`gate policy vocabulary, explain, what-if`: what can be asked, why it was decided so, and what if."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import click

from gate.cli.change import read_intent, typed
from gate.cli.output import say, show, table, talk, with_output
from gate.cli.policy.sources import parameters_of, rules_of_generation
from gate.intent import Intent
from gate.values.errors import Exit


@click.command()
@with_output
@click.pass_context
def vocabulary(ctx: click.Context, output: str) -> None:
    """Every fact that a rule may ask for here: type, unit, where it comes from, values and an example."""
    from gate.policy.rules.rulebook import read_rulebook
    from gate.policy.tools.words import words

    with ctx.obj(works=False) as gate:
        hosts = gate.inventory()
        known = words(read_rulebook(gate.folder.rules), hosts.groups, hosts.tags, parameters_of(gate.catalog()))
    rows = [
        (word.name, f"{word.type} {word.unit}".strip(), word.origin, " ".join(word.values), word.example, word.meaning)
        for word in known
    ]
    headings = ("fact", "type", "from", "values", "example", "meaning")
    show(output, {"facts": [word.as_json() for word in known]}, lambda: table(rows, headings, "There are no facts."))


@click.command()
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
    from gate.policy.tools.explain import explain as lines_of

    if (change is None) == (file is None):
        raise click.UsageError("Name a CHANGE, or give --intent FILE.")
    with ctx.obj(works=False) as gate:
        decided: dict[str, Any]
        if change is not None:
            decided = dict(gate.change(change).decision)
        else:
            decided = gate.decide(Intent.parse(read_intent(str(file))))["decision"]
        decision = Decision.from_json(decided)
        rules = rules_of_generation(gate, decision.generation)
        text = lines_of(decision, rules)
    show(output, {"decision": decided, "explanation": text}, lambda: say(*text))
    if not rules:
        talk("Its rules are not archived: what would have to be different cannot be said any more.")


@click.command("what-if")
@click.argument("file", required=False)
@click.option("--action", help="The action, if no FILE is given.")
@click.option("--on", "targets", multiple=True, metavar="HOST", help="A host or group; may be repeated.")
@click.option("-p", "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--at", metavar="TIME", help="When it is decided, as 2026-12-24T12:00 (UTC if no zone is said).")
@click.option("--actor", metavar="KIND:NAME", help="Who asks, as agent:planner. Left out: you.")
@with_output
@click.pass_context
def what_if(ctx: click.Context, /, **given: Any) -> None:
    """What would be decided at another time, or for somebody else. Nothing is stored and nothing runs.

    Earlier changes count as they stand now. FILE is an intent as JSON; - is stdin.
    """
    from gate.policy.decision import Decision, Verdict
    from gate.policy.tools.explain import explain as lines_of

    actor = _actor(given["actor"]) if given["actor"] else None
    at = _time(given["at"]) if given["at"] else None
    with ctx.obj(works=False) as gate:
        intent = Intent.parse(_wish(gate, given))
        decided = gate.decide(intent, at=at, actor=actor)
        decision = Decision.from_json(decided["decision"])
        text = lines_of(decision, gate.policy.rules)
    show(given["output"], {"intent": intent.as_json(), **decided}, lambda: say(*text))
    sys.exit(Exit.DENIED if decision.verdict is Verdict.DENY else Exit.OK)


def _wish(gate: Any, given: dict[str, Any]) -> dict[str, Any]:
    if given["file"]:
        return read_intent(given["file"])
    if not given["action"] or not given["targets"]:
        raise click.UsageError("Name an --action and at least one --on HOST, or give a FILE.")
    pairs = [pair.partition("=") for pair in given["parameters"]]
    wish = {
        "action": given["action"],
        "targets": list(given["targets"]),
        "parameters": {name: value for name, _, value in pairs},
        "reason": "",
    }
    return typed(wish, gate.catalog().get(given["action"]).as_json())


def _actor(text: str) -> Any:
    from gate.values.actor import Actor

    try:
        return Actor.parse(text)
    except ValueError as wrong:
        raise click.UsageError(f"--actor: {wrong}.") from None


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise click.UsageError(f"--at: {wrong}.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
