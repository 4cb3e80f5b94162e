"""The refusals that concern a preview: tasks that it would not only try, and lookups, which it does not try either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gate.catalog.finding import Finding, finding
from gate.catalog.playbook import SECTIONS, Playbook, Step
from gate.catalog.reading import changes, reads
from gate.catalog.source import Map
from gate.catalog.trace import lookups_in

# programs that a module which only reads starts on the host, in a preview too
PROGRAMS = frozenset({"fact_path", "mount_binary"})
MARKS = ("_start_string", "_end_string")  # of the template module: other braces than the usual ones
_TASKS = frozenset({*SECTIONS, "block", "rescue", "always"})


def check_preview(book: Playbook) -> Iterator[Finding]:
    """What would really happen if `book` were tried with --check."""
    for file, scope in book.scopes:
        yield from _lookups(file, scope)
        yield from _arguments(file, scope.at("module_defaults"), scope.get("module_defaults"))
    for step in book.steps:
        yield from _lookups(step.file, step.task)
        yield from _arguments(step.file, step.line, step.args)
        yield from _arguments(step.file, step.line_of("module_defaults"), step.task.get("module_defaults"))
        yield from _real(step)


def _real(step: Step) -> Iterator[Finding]:
    # without a value, too: Ansible takes that for false, whatever the block, the play or --check says
    if "check_mode" in step.keywords and step.keywords["check_mode"] is not True and changes(step):
        what = f"{step.module} changes something and runs with check_mode: false"
        yield finding(step.file, step.line_of("check_mode"), "check-mode", what)


def _arguments(file: Path, line: int, args: Any) -> Iterator[Finding]:
    given = args if isinstance(args, dict) else {}
    inner = [one for one in given.values() if isinstance(one, dict)]  # of module_defaults
    for key in sorted({*given}.union(*inner)):
        if key in PROGRAMS:
            yield finding(file, line, "check-mode", f"{key} has programs run in a preview")
        if key.endswith(MARKS):
            yield finding(file, line, "play", f"{key} has templates that are not read here")


def _lookups(file: Path, scope: Map) -> Iterator[Finding]:
    for key, value in scope.items():
        if key in _TASKS and isinstance(value, list):
            continue
        names = lookups_in({key: value}) | ({key.removeprefix("with_")} if key.startswith("with_") else set())
        for name in sorted(names):
            if not reads(name):
                what = f"the lookup {name} does more than read" if name else "which lookup it is, is not written here"
                yield finding(file, scope.at(key), "lookup", what)
