"""How answers look: a table for people, JSON or YAML for programs. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from gate.cli.errors import clean

FORMAT_VERSION = 1
CONTINUED = "    | "  # begins the other lines of a text that has several: what a host says is no line of ours
_OUR_STYLES = re.compile(r"(\x1b\[(?:0|1|3[1-6])m)")
_F = TypeVar("_F", bound=Callable[..., Any])
_COLOURS = {
    "ok": "green",
    "changed": "yellow",
    "skipped": "cyan",
    "ignored": "magenta",
    "started": "blue",
    "succeeded": "green",
    "allow": "green",
    "undone": "cyan",
    "ready": "blue",
    "running": "blue",
    "undoing": "blue",
    "waiting": "yellow",
    "needs_approval": "yellow",
    "halted": "red",
    "denied": "red",
    "deny": "red",
    "failed": "red",
    "unreachable": "red",
    "undo_failed": "red",
    "unknown": "magenta",
}


def with_output(command: _F) -> _F:
    """The option -o of a command."""
    option = click.option(
        "-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", help="How to print the answer."
    )
    return option(command)


def show(output: str, value: Mapping[str, Any] | Sequence[Any], table: Callable[[], None]) -> None:
    """Prints `value` as data, or calls `table` to print it for people."""
    if output == "table":
        table()
        return
    plain = {"format_version": FORMAT_VERSION, **value} if isinstance(value, Mapping) else value
    if output == "json":
        click.echo(as_json(plain, indent=2))
    else:
        click.echo(as_yaml(plain), nl=False)


def table(rows: Sequence[Sequence[object]], headings: Sequence[str], empty: str) -> None:
    """A plain table: columns as wide as needed, no lines, the last column as long as it is."""
    if not rows:
        talk(empty)
        return
    cells = [[clean(str(cell)) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(headings), *cells]) for column in range(len(headings))]
    click.echo(click.style(_line([heading.upper() for heading in headings], widths), bold=True))
    for line in cells:
        click.echo(_line(line, widths, colour=True))


def state(word: str) -> str:
    """A state in its colour; the word alone says it too."""
    return click.style(word, fg=_COLOURS.get(word), bold=True)


def talk(text: str = "") -> None:
    """Says something that is no data: to stderr."""
    click.echo(clean_styled(text), err=True)


def say(*lines: str) -> None:
    """Prints lines for people to stdout."""
    for line in lines or ("",):
        click.echo(clean_styled(line))


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON in which all that would act on a terminal is escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def as_yaml(value: Any) -> str:
    """The same as YAML; one such character, and all but ASCII is escaped."""
    import yaml

    plain = json.loads(json.dumps(value))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    harmless = text.replace("\n", "").isprintable()
    return text if harmless else yaml.safe_dump(plain, sort_keys=False)


def clean_styled(text: str) -> str:
    """`clean`, but the colours that `state` and diffs have survive, and no line but the first begins at its left."""
    parts = _OUR_STYLES.split(text)
    styled = "".join(part if number % 2 else clean(part) for number, part in enumerate(parts))
    return styled.replace("\n", "\n" + CONTINUED)


def is_interactive() -> bool:
    """Whether a person sits there who can be asked."""
    return sys.stdin.isatty() and not os.environ.get("CI")


def _line(cells: Sequence[str], widths: Sequence[int], *, colour: bool = False) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells[:-1], widths[:-1], strict=True)] + [cells[-1]]
    if colour:
        padded = [
            text.replace(cell, state(cell)) if cell in _COLOURS else text
            for text, cell in zip(padded, cells, strict=True)
        ]
    return "  ".join(padded).rstrip()
