"""What tasks changed, or would change, host by host: typed, redacted, and bounded in size. Pure.

Secrets in one part are numbered, so that it can be seen whether one changes, and not what it is. What is cut for its
size is counted, and covered by the digest of the part, which is over all of it as it may be told.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gate.execution.redaction import Redactor
from gate.values.canonical import digest

MAX_LINES = 400  # of one part; CUT_LINE characters of each
CUT_LINE = 400
MAX_PARTS = 50  # of one task
MAX_TASKS = 300  # of one host
MAX_LINES_OF_HOST, MAX_LINES_OF_RUN = 3_000, 20_000
COMPARED_LINES = 1_500  # that differ; more of them are shown as replaced as a whole
NO_LOG, BINARY, TOO_LARGE, TOO_MUCH = "no_log", "binary", "too large", "too much"
_UNENDED = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that a task changes, mostly a file. `lines` are unified hunks, or `-` and `+` lines of a state.

    `cut` is how many lines are left out; `hidden` says why there are none at all: no_log, binary, too large, too much.
    """

    header: str = ""
    lines: tuple[str, ...] = ()
    cut: int = 0
    hidden: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDiff:
    """What one task, or one item of its loop, changes on a host.

    `predicted` is False where a preview cannot say what the task would do: Ansible skips it, as it does a command.
    """

    task: str
    module: str
    changed: bool
    predicted: bool = True
    parts: tuple[Part, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {**asdict(self), "parts": [{**asdict(part), "lines": list(part.lines)} for part in self.parts]}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> TaskDiff:
        """The inverse of `as_json`. Raises KeyError or TypeError for anything else."""
        parts = tuple(Part(**{**part, "lines": tuple(part["lines"])}) for part in plain["parts"])
        return cls(**{**plain, "parts": parts})


def parts_of(diff: Any, redactor: Redactor) -> tuple[Part, ...]:
    """The parts of a diff as Ansible has it: one map, or a list of them. What shows no difference is left out."""
    found = [_part(one, redactor) for one in (diff if isinstance(diff, list) else [diff]) if isinstance(one, Mapping)]
    parts = tuple(part for part in found if part is not None)
    if len(parts) <= MAX_PARTS:
        return parts
    return (*parts[:MAX_PARTS], _rest([asdict(part) for part in parts[MAX_PARTS:]], f"{len(parts) - MAX_PARTS} more"))


def bounded(diff: Mapping[str, Sequence[TaskDiff]]) -> dict[str, list[TaskDiff]]:
    """The same, but no more of it than people can read and records can hold. What is left out is said."""
    left = MAX_LINES_OF_RUN
    made: dict[str, list[TaskDiff]] = {}
    for host, tasks in diff.items():
        of_host = min(MAX_LINES_OF_HOST, left)
        made[host] = []
        for task in tasks[:MAX_TASKS]:
            parts = []
            for part in task.parts:
                parts.append(_cut(part, of_host))
                of_host -= len(parts[-1].lines)
                left -= len(parts[-1].lines)
            made[host].append(replace(task, parts=tuple(parts)))
        if more := tasks[MAX_TASKS:]:
            rest = _rest([task.as_json() for task in more], "")
            changed = any(task.changed for task in more)
            made[host].append(TaskDiff(task=f"{len(more)} more tasks", module="", changed=changed, parts=(rest,)))
    return made


def bound(diff: Mapping[str, Sequence[TaskDiff]]) -> dict[str, Any]:
    """What a digest over the diff has to cover: everything, with the digest of each part in place of its lines."""
    return {
        host: [
            {**asdict(task), "parts": [[part.header, part.hidden, part.digest] for part in task.parts]}
            for task in tasks
        ]
        for host, tasks in diff.items()
    }


def _part(diff: Mapping[str, Any], redactor: Redactor) -> Part | None:
    seen: dict[str, int] = {}

    def mark(secret: str) -> str:
        return f"[hidden {seen.setdefault(secret, len(seen) + 1)}]"

    header = redactor.text(str(diff.get("after_header") or diff.get("before_header") or ""))[:CUT_LINE]
    if why := _unshowable(diff):
        return Part(header=header, hidden=why, digest=digest([header, why]))
    if isinstance(diff.get("prepared"), str):
        text = redactor.text(diff["prepared"], mark)
        return _shown(header, text.strip("\n").split("\n"), digest([header, text])) if text.strip() else None
    before, after = diff.get("before"), diff.get("after")
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        old, new = (redactor.value(one if isinstance(one, Mapping) else {}, mark) for one in (before, after))
        lines = _of_states(old, new)
    else:
        old, new = (redactor.text(_as_text(one), mark) for one in (before, after))
        lines = _of_texts(old, new)
    return _shown(header, lines, digest([header, old, new])) if lines else None


def _unshowable(diff: Mapping[str, Any]) -> str:
    if diff.get("src_binary") or diff.get("dst_binary"):
        return BINARY
    if diff.get("src_larger") or diff.get("dst_larger"):
        return TOO_LARGE
    return BINARY if any("\0" in one for one in (diff.get("before"), diff.get("after")) if isinstance(one, str)) else ""


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, indent=1, sort_keys=True, default=str)


def _in_line(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return " ".join(text.splitlines())


def _of_states(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    lines = []
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            lines += [f"-{key}: {_in_line(before[key])}"] if key in before else []
            lines += [f"+{key}: {_in_line(after[key])}"] if key in after else []
    return lines


def _of_texts(before: str, after: str) -> list[str]:
    old, new = _lines(before), _lines(after)
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    end = 0
    while end < min(len(old), len(new)) - same and old[-1 - end] == new[-1 - end]:
        end += 1
    if max(len(old), len(new)) - same - end > COMPARED_LINES:  # comparing takes time that grows faster than the text
        gone, come = old[same : len(old) - end], new[same : len(new) - end]
        place = f"@@ -{same + 1},{len(gone)} +{same + 1},{len(come)} @@"
        return [place, *(f"-{line}" for line in gone), *(f"+{line}" for line in come)]
    first, last = max(0, same - 2), max(0, end - 2)
    hunks = difflib.unified_diff(old[first : len(old) - last], new[first : len(new) - last], lineterm="", n=2)
    return [_moved(line, first) for line in list(hunks)[2:]]


def _moved(line: str, by: int) -> str:
    if not by or not line.startswith("@@ "):
        return line
    places = []
    for place in line.split(" ")[1:3]:
        start, comma, count = place[1:].partition(",")
        places.append(f"{place[0]}{int(start) + by}{comma}{count}")
    return f"@@ {' '.join(places)} @@"


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else [*lines, _UNENDED]


def _shown(header: str, lines: Sequence[str], over: str) -> Part:
    shown = tuple(line if len(line) <= CUT_LINE else f"{line[:CUT_LINE]} [cut]" for line in lines[:MAX_LINES])
    return Part(header=header, lines=shown, cut=max(0, len(lines) - MAX_LINES), digest=over)


def _cut(part: Part, left: int) -> Part:
    left = max(0, left)
    if len(part.lines) <= left:
        return part
    return replace(part, lines=part.lines[:left], cut=part.cut + len(part.lines) - left)


def _rest(values: Sequence[Any], header: str) -> Part:
    return Part(header=header, hidden=TOO_MUCH, digest=digest(list(values)))
