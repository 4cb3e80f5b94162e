"""Wishes that must be refused, each with its code: whatever the door, and whatever the parameter's type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from gate.values.errors import GateError
from tests.hostile import typed
from tests.hostile.texts import TAGS, TEMPLATES, TEXTS

HOST = "web-03"
INTENT, INVENTORY, ACTION = "GATE-INTENT", "GATE-INVENTORY", "GATE-CATALOG-UNKNOWN"

KEYS = (
    "ansible_connection", "ansible_python_interpreter", "ansible_ssh_common_args", "ansible_become", "ansible_host",
    "ansible_shell_executable", "ANSIBLE_CONFIG", "__ansible_unsafe", "__ansible_vault", "__ansible_type", "hosts",
    "gate_root", "inventory_hostname", "environment", "delegate_to", "vars", "omit", "evidence", "a b", "a.b", "a-b",
    "{{ x }}", "", "te\u200bxt", "__class__", "model_config",
)  # fmt: skip
TARGETS = (
    "all", "ALL", "ungrouped", "localhost", "*", "web-*", "!web-01", "web:&db", "web,db", "web-01,db-01", "~.*",
    "~web-.*", "@/etc/passwd", "", " ", "-v", "--limit=all", "--become", "web[0]", "web-0[1:3]", "web-03\n",
    "web-03 ", "127.0.0.1,", "/etc/hosts", "../hosts", "{{ groups.all }}", "web-03#", "w\u0435b-03", "root@web-03",
)  # fmt: skip
UNKNOWN_TARGETS = ("127.0.0.1", "WEB-03", "web-3", "web-03.example.org", "staging2")
ACTIONS = (
    "",
    "../note",
    "note/../note",
    "/etc/passwd",
    "note\n",
    "Note",
    "__init__",
    "no te",
    "{{ note }}",
    "-note",
    "n" * 65,
)
UNKNOWN_ACTIONS = ("shell", "raw", "command", "notes", "do")
PATHS = (
    "/etc/../shadow", "../etc/passwd", "/etc/app/../../shadow", "/etc/app/./app.ini", "/etc/app//app.ini", "etc/x",
    "~root/x", "$HOME/x", "$(touch %M)", "`touch %M`", "/etc/app/x; touch %M", "/etc/app/x | touch %M", "-x",
    "--become", "/etc/app/x\n", "/etc/app/*", "/etc/app/x/", "/", "", "/etc/app/\u202ex", "file:///etc/x",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A wish that must be refused with `code`."""

    name: str
    wish: Any
    code: str = INTENT


def wish(**changed: Any) -> dict[str, Any]:
    return {"action": "note", "targets": [HOST], "parameters": {"text": "x"}, "reason": "", **changed}


def setting(**changed: Any) -> dict[str, Any]:
    given = {"path": "/etc/app/app.ini", "format": "ini", "section": "server", "key": "workers", "value": "8"}
    return {"action": "set_config_value", "targets": [HOST], "parameters": given | changed, "reason": ""}


def deep(levels: int) -> Any:
    return {"text": deep(levels - 1)} if levels else "x"


def refusals() -> Iterator[Case]:
    yield from texts()
    yield from names()
    yield from settings()
    yield from shapes()
    yield from types()


def texts() -> Iterator[Case]:
    for name, text in TEXTS.items():
        yield Case(f"{name} as a parameter", wish(parameters={"text": text}))
    for name, text in (TEMPLATES | TAGS).items():
        yield Case(f"{name} in a list", wish(parameters={"text": "x", "lines": ["fine", text]}))
        yield Case(f"{name} in a map's list", wish(parameters={"text": "x", "entry": {"title": "t", "labels": [text]}}))
        yield Case(f"{name} as a reason", wish(reason=text))
    for text in ("{{ lookup('pipe', 'touch %M') }}", "!unsafe %M", "a\nb", "\x1b[2J"):
        yield Case(f"{text!r} as a key", wish(parameters={"text": "x", text: "y"}))
        yield Case(f"{text!r} as a nested key", wish(parameters={"text": "x", "entry": {"title": "t", text: "y"}}))
    yield Case(
        "an expression over two items", wish(parameters={"text": "x", "lines": ["{{ lookup('pipe',", "'x') }}"]})
    )
    yield Case("an expression over two parameters", wish(parameters={"text": "{{ 1", "lines": ["}}"]}))


def names() -> Iterator[Case]:
    for key in KEYS:
        yield Case(f"the parameter {key!r}", wish(parameters={"text": "x", key: "touch %M"}))
    for key in ("__ansible_unsafe", "__ansible_vault", "ansible_connection"):
        yield Case(f"{key} instead of a text", wish(parameters={"text": {key: "touch %M"}}))
    for target in TARGETS:
        yield Case(f"the target {target!r}", wish(targets=[target]))
        yield Case(f"the target {target!r} behind another", wish(targets=[HOST, target]))
    for target in UNKNOWN_TARGETS:
        yield Case(f"the target {target!r}", wish(targets=[target]), INVENTORY)
    for action in ACTIONS:
        yield Case(f"the action {action[:20]!r}", wish(action=action))
    for action in UNKNOWN_ACTIONS:
        yield Case(f"the action {action!r}", wish(action=action), ACTION)


def settings() -> Iterator[Case]:
    for path in PATHS:
        yield Case(f"the path {path!r}", setting(path=path))
    for value in ("a'b", 'a"b', "a\\b", "a#b", "a;b", "$(touch %M)", "`touch %M`", "-8", " 8", "8 ", "é"):
        yield Case(f"the value {value!r}", setting(value=value))
    for checker in ("touch %M", "/bin/sh", "nginx -t", "--help", "../nginx", "%s"):
        yield Case(f"the checker {checker!r}", setting(checker=checker))
    for kind in ("object", "", "!!int", None):
        yield Case(f"the type {kind!r} of a value", setting(format="yaml", value_type=kind))


def shapes() -> Iterator[Case]:
    yield Case("no target", wish(targets=[]))
    yield Case("more targets than there may be", wish(targets=[f"h-{n}" for n in range(501)]))
    yield Case("an action with a flag", wish(parameters={"text": "-x"}))
    yield Case("an action with a long flag", wish(parameters={"text": "--become"}))
    yield Case("a flag in a list", wish(parameters={"text": "x", "lines": ["-x"]}))
    yield Case("a text that is too long", wish(parameters={"text": "x" * 20_001}))
    yield Case("a reason that is too long", wish(reason="x" * 501))
    yield Case("a list that is too long", wish(parameters={"text": "x", "lines": ["x"] * 101}))
    yield Case("nesting", wish(parameters={"text": deep(9)}))
    yield Case("an actor", wish(actor="human:root"))
    yield Case("an id", wish(id="chg-1"))
    yield Case("a decision", wish(decision={"verdict": "allow"}))
    yield Case("an undo", wish(undo_of="chg-1"))
    for name, raw in {"null": None, "a number": 8, "true": True, "a list": ["x"], "a map": {"a": "b"}}.items():
        yield Case(f"{name} as a text", wish(parameters={"text": raw}))
        yield Case(f"{name} as an action", wish(action=raw))
        if raw is not None:
            yield Case(f"{name} as a reason", wish(reason=raw))
        if raw != {"a": "b"}:
            yield Case(f"{name} as parameters", wish(parameters=raw))
        if raw != ["x"]:
            yield Case(f"{name} as targets", wish(targets=raw))
            yield Case(f"{name} as a target", wish(targets=[raw]))
    yield Case("a text as targets", wish(targets=HOST))
    yield Case("a huge number", wish(parameters={"text": 2**80}))
    yield Case("no parameter", wish(parameters={}))
    for raw in ([], "note", None, 8, True, [wish()]):
        yield Case(f"{str(raw)[:20]} instead of an intent", raw)


def types() -> Iterator[Case]:
    for name, parameter, value in typed.hostile():
        yield Case(name, {**wish(parameters={parameter: value}), "action": "every_type"})


def code_of(deed: Callable[[], Any]) -> str:
    """The code with which a door refused, or what it made."""
    try:
        made = deed()
    except GateError as refused:
        return refused.code
    return f"accepted: {made}"
