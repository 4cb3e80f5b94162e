"""`gate propose`: ask for an action. Embedded it is decided here; with GATE_URL a gate elsewhere is asked."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from gate.cli import tell
from gate.cli.complete import action_names, host_names
from gate.cli.halt import notice
from gate.cli.logs import watch
from gate.cli.output import show, talk, with_output
from gate.intent import Intent
from gate.intent.wire import read_json
from gate.values.errors import Exit, IntentError


@click.command()
@click.argument("action", required=False, shell_complete=action_names)
@click.option(
    "--on",
    "targets",
    multiple=True,
    metavar="NAME",
    shell_complete=host_names,
    help="A host or a group; can be repeated.",
)
@click.option("--param", "-p", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter; can be repeated.")
@click.option("--reason", "-r", default="", help="Why, for the people who decide.")
@click.option("--intent", "file", metavar="FILE", help="Read the intent from a JSON file, or from - (stdin).")
@click.option("--key", help="A name for this request: repeating it with the same name does nothing twice.")
@click.option("--dry-run", is_flag=True, help="Only decide: nothing is stored and nothing runs.")
@click.option("--wait", is_flag=True, help="Wait until people have approved and it has run, too.")
@click.option("--timeout", type=float, default=600.0, show_default=True, help="How many seconds to wait.")
@click.option("--no-run", is_flag=True, help="Leave the run to `gate serve`, even if none is there now.")
@with_output
@click.pass_context
def propose(ctx: click.Context, /, **given: Any) -> None:
    """Ask for ACTION on hosts or groups.

    The rules decide: it runs, it waits for people, or it is denied with the reason. Parameters are typed by the
    action: `gate catalog show ACTION` lists them.

    \b
    gate propose set_config_value --on web-03 -p path=/etc/app/app.ini -p format=ini \\
        -p section=server -p key=workers -p value=8 --reason "more load"
    """
    wish = _intent(given)
    if os.environ.get("GATE_URL"):
        _ask_elsewhere(wish, given)
        return
    with ctx.obj(works=not given["no_run"]) as gate:
        if given["parameters"]:
            wish = typed(wish, gate.catalog().get(wish["action"]).as_json())
        if given["dry_run"]:
            _decide_only(gate, Intent.parse(wish), given["output"])
            return
        change = gate.propose(wish, key=given["key"])
        if given["output"] == "table":
            tell.decision(change.as_json())
        sys.exit(follow(gate, change.id, given))


def follow(gate: Any, change_id: str, given: dict[str, Any]) -> Exit:
    """Waits for a change as far as this command should, and tells what became of it."""
    change = gate.change(change_id)
    stands = change.state in {"ready", "waiting"} and notice(gate)
    if change.state in {"ready", "waiting"} and (given.get("wait") or (gate.works and not stands)):
        wait = watch if given["output"] == "table" and sys.stderr.isatty() else type(gate).wait
        change = wait(gate, change_id, given.get("timeout"), approval=bool(given.get("wait")))
    answer = {**change.as_json(), "runs": gate.runs(change_id)}
    # of a denied change the decision, which was printed, says it all
    show(given["output"], answer, lambda: None if change.state == "denied" else tell.result(answer, answer["runs"]))
    return tell.exit_code(answer, waited=bool(given.get("wait")))


def _intent(given: dict[str, Any]) -> dict[str, Any]:
    if given["file"]:
        if given["action"] or given["targets"] or given["parameters"] or given["reason"]:
            raise click.UsageError("--intent FILE says it all; leave ACTION, --on, --param and --reason away.")
        return read_intent(given["file"])
    if not given["action"] or not given["targets"]:
        raise click.UsageError("Name an ACTION and at least one --on HOST, or give --intent FILE.")
    parameters = {}
    for pair in given["parameters"]:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--param takes NAME=VALUE, not {pair!r}.")
        if name in parameters:
            raise click.UsageError(f"--param {name} is there twice.")
        parameters[name] = value
    return {
        "action": given["action"],
        "targets": list(given["targets"]),
        "parameters": parameters,
        "reason": given["reason"],
    }


def read_intent(file: str) -> dict[str, Any]:
    """The JSON object in a file, or on stdin (-). Raises IntentError."""
    try:
        wish = read_json(sys.stdin.read() if file == "-" else Path(file).read_text())
    except (OSError, ValueError, IntentError) as wrong:
        why = wrong.why if isinstance(wrong, IntentError) else f"{wrong}."
        raise IntentError(f"{file} holds no intent.", why, "Write one intent as a JSON object.") from wrong
    if not isinstance(wish, dict):
        raise IntentError(f"{file} holds no intent.", "It is no JSON object.", "Write one intent as a JSON object.")
    return wish


def typed(wish: dict[str, Any], action: dict[str, Any]) -> dict[str, Any]:
    """The wish, with text from the command line made a number or a list where the action asks for one."""
    schema = action.get("parameters", {}).get("properties", {})
    found = {name: _as(schema.get(name, {}).get("type"), value) for name, value in wish["parameters"].items()}
    return {**wish, "parameters": found}


def _as(kind: str | None, text: str) -> Any:
    if kind in {"integer", "number", "boolean", "array", "object"}:
        try:
            return read_json(text)
        except IntentError:
            return text  # the action's own schema says what is wrong with it
    return text


def _decide_only(gate: Any, intent: Intent, output: str) -> None:
    decided = gate.decide(intent)
    answer = {"intent": intent.as_json(), **decided}
    view = {"id": "(dry run)", "undo_of": None, "intent": intent.as_json(), **decided}
    show(output, answer, lambda: tell.decision(view))
    sys.exit(Exit.DENIED if decided["decision"]["verdict"] == "deny" else Exit.OK)


def _ask_elsewhere(wish: dict[str, Any], given: dict[str, Any]) -> None:
    from gate.client import GateClient

    if given["dry_run"]:
        raise click.UsageError("--dry-run works on the site itself, not through GATE_URL.")
    with GateClient.from_environment() as client:
        known = {action["name"]: action for action in client.catalog()["actions"]}
        if given["parameters"]:
            wish = typed(wish, known.get(wish["action"], {}))
        change = client.propose(Intent.parse(wish), key=given["key"])
        if given["output"] == "table":
            tell.decision(change)
        if not change["settled"]:
            change = client.wait(change["id"], given["timeout"])
        show(
            given["output"],
            change,
            lambda: None if change["state"] == "denied" else tell.result(change, [], here=False),
        )
        if change["waiting_for"] == "approval":
            talk("A person has to approve it; you cannot.")
    sys.exit(tell.exit_code(change, waited=given["wait"]))
