"""`gate logs`: what a change does, task by task and host by host, while it does it or later."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from gate.cli import tell
from gate.cli.output import as_json, as_yaml, say, state, talk, with_output

SHOWN = 5  # names of hosts in one line
_ENDS = ("ok", "changed", "skipped", "ignored", "failed", "unreachable")


@click.command()
@click.argument("change")
@click.option("--follow", "-f", is_flag=True, help="Go on until it is at rest, whoever runs it.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only what came after this number of the ledger.")
@click.option("--timeout", type=float, help="With --follow: how many seconds at most.")
@with_output
@click.pass_context
def logs(ctx: click.Context, change: str, follow: bool, after: int, timeout: float | None, output: str) -> None:  # noqa: FBT001
    """What CHANGE did, or with -f does: its runs, and in them each task on each host.

    With -o json there is one event a line, as it comes; its `seq` is what --after takes.
    """
    if os.environ.get("GATE_URL"):
        _ask_elsewhere(change, after, output, follow=follow)
        return
    with ctx.obj(works=False) as gate:
        found = gate.change(change)
        for told in gate.follow(found.id, after, timeout if follow else 0.0):
            found = told.change
            for event in told.events:
                _print(event, output, live=follow)
    if output == "table":
        talk(f"{state(found.state.value)}  {found.id}")
    if follow:
        sys.exit(tell.exit_code(found.as_json(), waited=True))


def watch(gate: Any, change_id: str, timeout_s: float | None, *, approval: bool) -> Any:
    """`Gate.wait`, with its runs told to the terminal as they go on."""
    change = None
    for told in gate.follow(change_id, timeout_s=timeout_s):
        change = told.change
        for event in told.events:
            if event["kind"] in {"warrant", "progress"}:
                for line in lines(event, live=True):
                    talk(f"  {line}")
        if not told.more and not approval and change.settled:
            break
    return change


def lines(event: Mapping[str, Any], *, live: bool) -> list[str]:
    """An event for people; with `live`, tasks that have only begun too."""
    match event["kind"]:
        case "progress":
            head = f"{event['phase']:<6} "
            told = [head + line for task in event["tasks"] for line in _task(task, live=live)]
            told += [head + _mark("failed") + line for line in event.get("errors", ())]
            return told + ([f"{head}({event['left_out']} more)"] if event.get("left_out") else [])
        case "run":
            hosts = ", ".join(f"{host} {state(one['status'])}" for host, one in event["hosts"].items())
            return [f"{event['phase']:<6} {state(event['status'])}   {'stopped; ' * event['stopped']}{hosts}"]
        case "warrant":
            return [f"{event['phase']:<6} begins on {_names(event['hosts'])}"]
        case "evidence":
            return []
        case kind:
            words = event.get("reason") or event.get("comment") or event.get("verdict") or event.get("state") or ""
            return [f"{state(kind)}  {'' if event['actor'] == 'gate' else event['actor'] + ' '}{words}".rstrip()]


def _ask_elsewhere(change: str, after: int, output: str, *, follow: bool) -> None:
    from gate.client import GateClient

    with GateClient.from_environment() as client:
        for event in client.follow(change, after) if follow else _all(client, change, after):
            _print(event, output, live=follow)
        found = client.status(change)
    if output == "table":
        talk(f"{state(found['state'])}  {found['id']}")
    if follow:
        sys.exit(tell.exit_code(found, waited=True))


def _all(client: Any, change: str, after: int) -> Iterator[Mapping[str, Any]]:
    more = True
    while more:
        answer = client.events(change, after)
        yield from answer["events"]
        after, more = answer["last"], answer["more"]


def _task(task: Mapping[str, Any], *, live: bool) -> list[str]:
    told = []
    done = {host for end in _ENDS for host in task.get(end, ())}
    begun = [host for host in task.get("started", ()) if host not in done]
    for kind, hosts in [("started", begun if live else [])] + [(end, task.get(end, ())) for end in _ENDS]:
        if hosts:
            told.append(f"{_mark(kind)}{task['task']}: {_names(list(hosts))}")
        if isinstance(hosts, Mapping):
            told += [f"{'':<12}  {host}: {said}" for host, said in hosts.items() if said]
    return told


def _mark(word: str) -> str:
    return state(word) + " " * (12 - len(word))


def _names(hosts: list[str]) -> str:
    more = len(hosts) - SHOWN
    return ", ".join(hosts[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _print(event: Mapping[str, Any], output: str, *, live: bool) -> None:
    if output == "json":
        click.echo(as_json(event))
    elif output == "yaml":
        click.echo("---\n" + as_yaml(event), nl=False)
    else:
        for line in lines(event, live=live):
            say(f"{event['at'][11:19]}  {line}")
