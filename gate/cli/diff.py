"""Diffs for people: what a run changed, or would change, task by task; hosts with the same diff are shown together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from gate.cli.errors import clean

MAX_LINES = 120
_WHY = {
    "no_log": "not shown: the task has no_log",
    "binary": "not shown: it is no text",
    "too large": "not shown: it is too large",
    "too much": "not shown: there is too much of it",
}


def lines(diff: Mapping[str, Sequence[Mapping[str, Any]]], *, foreseen: bool = False) -> Iterator[str]:
    """Styled lines of the diff of every host. With `foreseen`, it is that of a preview."""
    together: dict[tuple[str, ...], list[str]] = {}
    for host, tasks in diff.items():
        told = tuple(line for task in tasks for line in _task(task, foreseen=foreseen))
        if told:
            together.setdefault(told, []).append(host)
    for told, hosts in together.items():
        yield click.style(", ".join(clean(host) for host in hosts), bold=True)
        yield from (_styled(line) for line in told[:MAX_LINES])
        if len(told) > MAX_LINES:
            yield f"  … {len(told) - MAX_LINES} more lines; -o json has them all"


def _task(task: Mapping[str, Any], *, foreseen: bool) -> Iterator[str]:
    would = "would change something" if foreseen else "changed something"
    name = clean(task["task"]).replace("\n", " ")
    if not task["predicted"]:
        yield f"? {name}: not predicted, {clean(task['module'])} cannot be previewed"
        return
    if not task["parts"]:
        yield f"~ {name}: {would}, and shows no diff"
    for part in task["parts"]:
        header = clean(part["header"]).replace("\n", " ")
        if part["hidden"]:
            yield f"~ {' '.join(filter(None, [f'{name}:', header]))} {_WHY.get(part['hidden'], part['hidden'])}"
            continue
        yield f"~ {' '.join(filter(None, [f'{name}:', header]))}".removesuffix(":")
        yield from (f"  {clean(line)}" for line in part["lines"])
        if part["cut"]:
            yield f"  … {part['cut']} lines cut; all of it is under {part['digest'][:19]}…"


def _styled(line: str) -> str:
    if line.startswith("?"):
        return "  " + click.style(line, fg="yellow")
    if line.startswith("~"):
        return f"  {line}"
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[2:3])
    return "  " + click.style(line, fg=colour)
