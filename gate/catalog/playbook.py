"""A playbook as a flat list of steps, in the order in which Ansible starts them. Shapes it does not know are findings.

Task files that are included by a fixed name are read in their place; roles and variable files are not followed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from gate.catalog.digest import CACHES
from gate.catalog.finding import BrokenActionError, Finding, finding
from gate.catalog.source import Map, read_yaml
from gate.catalog.trace import is_template

PLAY_KEYS = frozenset(
    {
        "any_errors_fatal", "become", "become_exe", "become_flags", "become_method", "become_user", "check_mode",
        "collections", "connection", "diff", "environment", "force_handlers", "gather_facts", "gather_subset",
        "gather_timeout", "handlers", "hosts", "ignore_errors", "ignore_unreachable", "max_fail_percentage",
        "module_defaults", "name", "no_log", "order", "port", "post_tasks", "pre_tasks", "remote_user", "run_once",
        "serial", "strategy", "tags", "tasks", "throttle", "timeout", "validate_argspec", "vars",
    }
)  # fmt: skip
TASK_KEYS = frozenset(
    {
        "any_errors_fatal", "args", "async", "become", "become_exe", "become_flags", "become_method", "become_user",
        "changed_when", "check_mode", "collections", "connection", "delay", "delegate_facts",
        "delegate_to", "diff", "environment", "failed_when", "ignore_errors", "ignore_unreachable", "listen", "loop",
        "loop_control", "module_defaults", "name", "no_log", "notify", "poll", "port", "register", "remote_user",
        "retries", "run_once", "tags", "throttle", "timeout", "until", "vars", "when",
    }
)  # fmt: skip
BLOCK_KEYS = TASK_KEYS | {"block", "rescue", "always"}
SECTIONS = ("pre_tasks", "tasks", "post_tasks", "handlers")
INCLUDES = frozenset({"include_tasks", "import_tasks"})
NOT_FOLLOWED = frozenset({"include_role", "import_role", "include_vars", "import_playbook", "include"})
MAX_INCLUDES = 8
# not handed down by a play or block to what is in it
_OWN = frozenset(
    {"name", "hosts", "register", "loop", "loop_control", "notify", "listen", *SECTIONS, "block", "rescue"}
)
# all that an include hands down that is done while the play runs; not no_log, for one
_INCLUDED = frozenset({"vars", "when"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One task: its `module` with `args`, its own and inherited `keywords`, and whether it is on the main way."""

    file: Path
    line: int
    task: Map
    module: str
    args: Any
    keywords: dict[str, Any]
    main: bool

    def line_of(self, key: str) -> int:
        return self.task.lines.get(key, self.line)


@dataclass(slots=True)
class Playbook:
    """What was found in one playbook: its plays and blocks (`scopes`), its steps, and what cannot be followed."""

    folder: Path
    scopes: list[tuple[Path, Map]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def refuse(self, file: Path, line: int, rule: str, what: str) -> None:
        self.findings.append(finding(file, line, rule, what))


def short(module: str) -> str:
    """The last part of a module's name: what it is, whichever collection it comes from."""
    return module.rsplit(".", 1)[-1]


def read_playbook(folder: Path, name: str) -> Playbook:
    """The playbook `name` of the action's folder; never raises for what it contains."""
    made, file = Playbook(folder), folder / name
    plays = _load(made, file)
    if not isinstance(plays, list) or not plays:
        if not made.findings:
            made.refuse(file, 1, "play", "the playbook is no list of plays")
        return made
    for play in plays:
        if isinstance(play, Map):
            _play(made, file, play)
        else:
            made.refuse(file, 1, "play", "an entry of the playbook is no map")
    return made


def _load(book: Playbook, file: Path) -> Any:
    try:
        return read_yaml(file)
    except BrokenActionError as wrong:
        book.findings.extend(wrong.findings)
        return None


def _play(book: Playbook, file: Path, play: Map) -> None:
    book.scopes.append((file, play))
    if any(short(key) == "import_playbook" for key in play):
        book.refuse(file, play.line, "include", "a playbook is imported")
        return
    for key in play:
        if key in {"roles", "vars_files", "vars_prompt"}:
            book.refuse(file, play.at(key), "include", f"the play has {key}")
        elif key not in PLAY_KEYS:
            book.refuse(file, play.at(key), "play", f"the play has the unknown key {key!r}")
    if play.get("hosts") != "all":
        book.refuse(file, play.at("hosts"), "hosts", f"hosts is {play.get('hosts')!r}")
    for section in SECTIONS:
        _tasks(book, file, play.get(section), play.at(section), _handed_down(play, {}), main=section != "handlers")


def _handed_down(scope: Map, inherited: dict[str, Any]) -> dict[str, Any]:
    return inherited | {key: value for key, value in scope.items() if key not in _OWN}


def _tasks(
    book: Playbook, file: Path, raw: Any, line: int, inherited: dict[str, Any], *, main: bool, deep: int = 0
) -> None:
    if raw is None:
        return
    if not isinstance(raw, list):
        book.refuse(file, line, "play", "tasks are no list")
        return
    for task in raw:
        if not isinstance(task, Map):
            book.refuse(file, line, "play", "a task is no map")
        elif "block" in task:
            _block(book, file, task, inherited, main=main, deep=deep)
        else:
            _task(book, file, task, inherited, main=main, deep=deep)


def _block(book: Playbook, file: Path, block: Map, inherited: dict[str, Any], *, main: bool, deep: int) -> None:
    book.scopes.append((file, block))
    for key in block:
        if key not in BLOCK_KEYS:
            book.refuse(file, block.at(key), "play", f"the block has the unknown key {key!r}")
    below = _handed_down(block, inherited)
    for part in ("block", "rescue", "always"):
        _tasks(book, file, block.get(part), block.at(part), below, main=main and part == "block", deep=deep)


def _task(book: Playbook, file: Path, task: Map, inherited: dict[str, Any], *, main: bool, deep: int) -> None:
    modules = [key for key in task if key not in TASK_KEYS and not key.startswith("with_")]
    if len(modules) != 1 or modules[0] in {"action", "local_action"}:
        book.refuse(file, task.line, "play", f"a task has one module; here is {', '.join(modules) or 'none'}")
        return
    module, args = modules[0], task[modules[0]]
    if not isinstance(task.get("args", {}), dict):
        book.refuse(file, task.at("args"), "play", "args is no map")
    elif "args" in task:
        args = {**(args if isinstance(args, dict) else {"_raw_params": args or ""}), **task["args"]}
    keywords = inherited | {key: value for key, value in task.items() if key != module}
    line = task.at(module)
    step = Step(file=file, line=line, task=task, module=module, args=args, keywords=keywords, main=main)
    book.steps.append(step)
    if short(module) in INCLUDES:
        _include(book, step, inherited, deep)
    elif short(module) in NOT_FOLLOWED:
        book.refuse(file, line, "include", f"{short(module)} is not followed")


def _include(book: Playbook, step: Step, inherited: dict[str, Any], deep: int) -> None:
    name = step.args.get("file") if isinstance(step.args, dict) else step.args
    if not isinstance(name, str) or is_template(name) or not inside(name):
        book.refuse(step.file, step.line, "include", f"{step.module} names no fixed file of the folder: {name!r}")
        return
    # wherever Ansible looks; it must not find two
    places = (step.file.parent, step.file.parent / "tasks", book.folder, book.folder / "tasks")
    files = {(place / name).resolve() for place in places if (place / name).is_file()}
    if len(files) != 1 or deep == MAX_INCLUDES:
        book.refuse(step.file, step.line, "include", f"{name} is not there, is there twice, or is nested too deeply")
        return
    file = book.folder / files.pop().relative_to(book.folder.resolve())
    for key in sorted({*step.args} - {"file", "_raw_params"} if isinstance(step.args, dict) else ()):
        book.refuse(step.file, step.line, "include", f"{step.module} has {key}, which is not followed")
    handed = _INCLUDED if short(step.module) == "include_tasks" else step.keywords.keys() - _OWN - {"args"}
    below = inherited | {key: step.keywords[key] for key in handed if key in step.keywords}
    _tasks(book, file, _load(book, file), 1, below, main=step.main, deep=deep + 1)


def inside(name: str) -> bool:
    """Whether `name` is a plain relative path that stays in the folder and under its digest."""
    path = PurePosixPath(name)
    return not path.is_absolute() and not {"..", "~", *CACHES} & set(path.parts) and not name.startswith("~")
