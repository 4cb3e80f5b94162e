"""The refusals that concern one playbook: where parameters go, what changes when, and what leaves the pinned hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from gate.catalog.finding import Finding, finding
from gate.catalog.playbook import INCLUDES, Playbook, Step, inside, short
from gate.catalog.source import Map
from gate.catalog.trace import BARE, bare_code_with, code_with, is_template, names_in, spread

_FULL_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+){2,}")
# all that these are given is code to somebody
CODE_MODULES = frozenset({"shell", "raw", "script", "expect", "win_shell", "win_powershell", "powershell", "psexec"})
CODE_ARGS = frozenset(
    {"_raw_params", "cmd", "code", "command", "executable", "free_form", "interpreter", "job", "query",
     "script", "validate"}
)  # fmt: skip
# as a program in argv these take code, or another program, from the elements after them
INTERPRETERS = re.compile(
    r"(?:ba|da|z|k|c|tc|fi|a)?sh|busybox|python[0-9.]*|perl|ruby|node|php|lua|[gmn]?awk|sed|ssh|su|env|xargs|eval"
)
STEERING = (
    "args", "become_exe", "become_flags", "become_method", "become_user", "connection", "delegate_facts", "delegate_to",
    "environment", "module_defaults", "port", "remote_user",
)  # fmt: skip
# how Ansible gets to the host and becomes somebody there; text in some of them is run
PINNED = ("become_exe", "become_flags", "connection", "port", "strategy")
LOCAL_SOURCES = frozenset({"assemble", "copy", "patch", "script", "template", "unarchive", "win_copy", "win_template"})
REMOTE_SOURCES = frozenset({"fetch", "file", "mount", "slurp", "win_file"})


def check_playbook(book: Playbook, parameters: frozenset[str], collections: frozenset[str]) -> Iterator[Finding]:
    """What is wrong in `book`, given the names of the action's parameters and the collections it requires."""
    yield from book.findings
    tainted = tainted_names(book, parameters)
    for file, scope in book.scopes:
        yield from _scope(file, scope, tainted)
    for step in book.steps:
        here = tainted | loop_names(step.task, tainted)
        yield from _module(book.folder, step, collections)
        yield from _pinning(step)
        yield from _keywords(step.file, step.task, here)
        yield from _sinks(step, here)
        yield from _sources(step, here)
        yield from _variables(step.file, step.task, _facts(step), here)


def tainted_names(book: Playbook, parameters: frozenset[str]) -> frozenset[str]:
    """The parameters and all variables of the playbook that are made from them."""
    return spread(parameters, made_from(book))


def made_from(book: Playbook) -> Iterator[tuple[str, set[str]]]:
    """Each variable that the playbook makes, with the names that it is made from."""
    for _, scope in book.scopes:
        yield from ((name, names_in(value)) for name, value in _map(scope.get("vars")).items())
    for step in book.steps:
        for made in (_map(step.task.get("vars")), _facts(step)):
            yield from ((name, names_in(value)) for name, value in made.items())
        if "register" in step.task:
            yield str(step.task["register"]), names_in(step.task)
        if short(step.module) in INCLUDES:
            yield from ((name, _looped(step.task)) for name in _loop_variables(step.task))


def _map(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _facts(step: Step) -> dict[str, Any]:
    return _map(step.args) if short(step.module) == "set_fact" else {}


def _looped(task: Map) -> set[str]:
    return names_in([value for key, value in task.items() if key == "loop" or key.startswith("with_")])


def _loop_variables(task: Map) -> set[str]:
    control = _map(task.get("loop_control"))
    return {"ansible_loop", str(control.get("loop_var", "item"))}


def loop_names(task: Map, tainted: frozenset[str]) -> set[str]:
    """The variables of the task's loop, if what it loops over is made from `tainted`."""
    return _loop_variables(task) if _looped(task) & tainted else set()


def _flow(file: Path, line: int, names: set[str] | frozenset[str], where: str) -> Iterator[Finding]:
    if names:
        yield finding(file, line, "parameter-flow", f"{', '.join(sorted(names))} reaches {where}")


def _scope(file: Path, scope: Map, tainted: frozenset[str]) -> Iterator[Finding]:
    own = Map(scope.line)
    own.lines = scope.lines
    own.update({key: value for key, value in scope.items() if not isinstance(value, list) or key in {"when", "tags"}})
    yield from _keywords(file, own, tainted)
    yield from _variables(file, own, {}, tainted)


def _keywords(file: Path, task: Map, tainted: frozenset[str]) -> Iterator[Finding]:
    for key, value in task.items():
        line, bare = task.at(key), key in BARE
        if key in PINNED:
            yield finding(file, line, "pinning", f"{key} is set")
        if key in STEERING or key.startswith("with_"):
            yield from _flow(file, line, names_in(value) & tainted, key)
        else:
            code = code_with(value, tainted) | (bare_code_with(value, tainted) if bare else _bare_args(value, tainted))
            yield from _flow(file, line, code, f"a lookup in {key}")
        if key == "ignore_errors" and value is not False:
            yield finding(file, line, "ignored-errors", "ignore_errors is set")
        elif key == "delegate_to" and value != "{{ inventory_hostname }}":
            yield finding(file, line, "delegation", f"the work is delegated to {value!r}")


def _bare_args(value: Any, tainted: frozenset[str]) -> set[str]:
    # assert's `that` and debug's `var` are expressions inside a module's arguments
    return {name for key, inner in _map(value).items() if key in BARE for name in bare_code_with(inner, tainted)}


def _module(folder: Path, step: Step, collections: frozenset[str]) -> Iterator[Finding]:
    if _FULL_NAME.fullmatch(step.module) is None:
        if "." in step.module or not (folder / "library" / f"{step.module}.py").is_file():
            yield finding(step.file, step.line, "module-name", f"{step.module} is no full name of a module")
        return
    collection = ".".join(step.module.split(".")[:2])
    if collection not in collections | {"ansible.builtin"}:
        yield finding(step.file, step.line, "collection", f"{collection} is not among the required collections")


def _pinning(step: Step) -> Iterator[Finding]:
    if short(step.module) in {"add_host", "group_by"}:
        yield finding(step.file, step.line, "pinning", f"{step.module} adds hosts or groups")
    if short(step.module) == "meta" and "refresh_inventory" in str(step.args):
        yield finding(step.file, step.line, "pinning", "the inventory is read again")


def _sinks(step: Step, tainted: frozenset[str]) -> Iterator[Finding]:
    name, args = short(step.module), step.args
    if name in CODE_MODULES or not isinstance(args, dict):
        yield from _flow(step.file, step.line, names_in(args) & tainted, f"{name} as free text")
        return
    lines = getattr(args, "lines", {})
    for key in CODE_ARGS & args.keys():
        yield from _flow(step.file, lines.get(key, step.line), names_in(args[key]) & tainted, f"{key} of {name}")
    if "argv" in args:
        yield from _argv(step, lines.get("argv", step.line), args["argv"], tainted)


def _argv(step: Step, line: int, argv: Any, tainted: frozenset[str]) -> Iterator[Finding]:
    reached = names_in(argv) & tainted
    if not isinstance(argv, list) or not argv:
        yield from _flow(step.file, line, reached, "argv as a whole")
        return
    yield from _flow(step.file, line, names_in(argv[0]) & tainted, "the program of argv")
    programs = [part for part in argv if INTERPRETERS.fullmatch(PurePosixPath(str(part)).name)]
    if programs:
        yield from _flow(step.file, line, reached, f"{programs[0]}, which takes code from argv")


def _sources(step: Step, tainted: frozenset[str]) -> Iterator[Finding]:
    name, args = short(step.module), _map(step.args)
    line = getattr(args, "lines", {}).get("src", step.line)
    if name == "fetch":
        yield from _flow(step.file, step.line, names_in(args.get("dest")) & tainted, "a path on the gate's own machine")
    if args.get("remote_src") is True or name in REMOTE_SOURCES:
        return
    source = args.get("src")
    yield from _flow(step.file, line, names_in(source) & tainted, f"src of {name}")
    if name == "script":
        text = step.args if isinstance(step.args, str) else str(args.get("cmd") or args.get("_raw_params") or "")
        source = text.split(maxsplit=1)[0] if text.strip() else None
    if name in LOCAL_SOURCES and isinstance(source, str) and not is_template(source) and not inside(source):
        yield finding(step.file, line, "include", f"{name} takes {source!r} from outside the folder")


def _variables(file: Path, task: Map, facts: dict[str, Any], tainted: frozenset[str]) -> Iterator[Finding]:
    given = _map(task.get("vars"))
    named = dict.fromkeys([task["register"]] if isinstance(task.get("register"), str) else [])
    for name, value in (given | facts | named).items():
        line = getattr(given, "lines", {}).get(name) or getattr(facts, "lines", {}).get(name) or task.at("register")
        yield from _flow(file, line, names_in(name) & tainted, "the name of a variable")
        if name.startswith("ansible_") and (name != "ansible_python_interpreter" or names_in(value) & tainted):
            yield finding(file, line, "ansible-variable", f"{name} is set")
