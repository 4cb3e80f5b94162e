"""Where the value of a secret may go: into an option of a module, in a task that does not log. Nowhere else.

Not into the name of a task, a process's arguments or environment (everybody on the host can read them), nor into the
evidence, which is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gate.catalog.check_playbook import CODE_MODULES, loop_names, made_from
from gate.catalog.finding import Finding, finding
from gate.catalog.playbook import INCLUDES, Playbook, Step, short
from gate.catalog.source import Map
from gate.catalog.trace import BARE, REACH_ALL, bare_names_in, names_in, spread

COMMANDS = CODE_MODULES | {"command"}
MAX_TEMPLATE = 1024 * 1024


def check_secrets(book: Playbook, secrets: frozenset[str]) -> Iterator[Finding]:
    """What is wrong with the ways of the parameters `secrets`, one at least, in a playbook."""
    hidden = spread(secrets, made_from(book)) - {"evidence"}
    for file, scope in book.scopes:
        yield from _told(file, scope, hidden)
    for step in book.steps:
        here = hidden | loop_names(step.task, hidden)
        yield from _told(step.file, step.task, here)
        yield from _step(book.folder, step, here)


def _told(file: Path, scope: Map, hidden: frozenset[str]) -> Iterator[Finding]:
    for key in ("name", "environment", "loop_control", "listen", "notify", "tags"):
        if reached := names_in(scope.get(key)) & hidden:
            yield _found(file, scope.at(key), reached, key)


def _step(folder: Path, step: Step, hidden: frozenset[str]) -> Iterator[Finding]:
    name, args = short(step.module), step.args
    reached = (names_in(step.task) | _bare(step.task) | _of_template(folder, step)) & hidden
    if not reached or name in INCLUDES:
        return
    if step.keywords.get("no_log") is not True:
        yield _found(step.file, step.line, reached, f"{name} in a task without no_log: true")
    if name == "set_stats":
        yield _found(step.file, step.line, reached, "what is recorded")
    if name in COMMANDS:
        given = {key: value for key, value in args.items() if key != "stdin"} if isinstance(args, dict) else args
        if names := names_in(given) & hidden:
            yield _found(step.file, step.line, names, f"the arguments of {name}")


def _bare(value: Any) -> set[str]:
    if isinstance(value, list):
        return {name for inner in value for name in _bare(inner)}
    if not isinstance(value, dict):
        return set()
    return {name for key, inner in value.items() for name in (bare_names_in(inner) if key in BARE else _bare(inner))}


def _of_template(folder: Path, step: Step) -> set[str]:
    if short(step.module) != "template" or not isinstance(step.args, dict):
        return set()
    places = [folder / top / str(step.args.get("src")) for top in ("templates", ".")]
    text = next(
        (place.read_bytes()[:MAX_TEMPLATE].decode("utf-8", "replace") for place in places if place.is_file()), ""
    )
    return names_in(text)


def _found(file: Path, line: int, reached: set[str] | frozenset[str], where: str) -> Finding:
    shown = sorted(reached - REACH_ALL) or sorted(reached)
    return finding(file, line, "secret-flow", f"{', '.join(shown)} reaches {where}")
