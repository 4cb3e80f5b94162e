"""Diffs for people: what a run changed, or would change, host by host."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from gate.cli.errors import clean

MAX_LINES = 60


def lines(diff: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """Styled lines of the diff of every host; hosts with the same diff are shown together."""
    together: dict[str, list[str]] = {}
    for host, parts in diff.items():
        text = "\n".join(line for part in parts for line in _part(part))
        if text:
            together.setdefault(text, []).append(host)
    for text, hosts in together.items():
        yield click.style(", ".join(clean(host) for host in hosts), bold=True)
        all_lines = text.splitlines()
        yield from (_styled(line) for line in all_lines[:MAX_LINES])
        if len(all_lines) > MAX_LINES:
            yield f"  … {len(all_lines) - MAX_LINES} more lines; -o json has them all"


def _part(part: Mapping[str, Any]) -> Iterator[str]:
    if "prepared" in part:
        yield from str(part["prepared"]).splitlines()
        return
    before, after = part.get("before", ""), part.get("after", "")
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                yield f"-{key}: {before.get(key)}"
                yield f"+{key}: {after.get(key)}"
        return
    names = (str(part.get("before_header", "before")), str(part.get("after_header", "after")))
    yield from difflib.unified_diff(str(before).splitlines(), str(after).splitlines(), *names, lineterm="", n=2)


def _styled(line: str) -> str:
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    return "  " + click.style(clean(line), fg=colour)
