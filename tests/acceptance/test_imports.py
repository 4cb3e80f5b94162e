"""What a command does not need, it does not import: the tool answers at once, and a door holds no engine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "ansible",
    "ansible_runner",
    "apscheduler",
    "dbos",
    "langchain",
    "langchain_core",
    "mcp",
    "durable_rules_engine",
)
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for room in ("gate", "planner")
    for path in (ROOT / room).rglob("*.py")
    if "migrations" not in path.parts and "shipped" not in path.parts
)
COMMANDS = (
    "propose", "approve", "reject", "undo", "settle", "plan", "changes", "catalog", "inventory", "policy", "schedule",
    "ledger", "token", "serve", "init", "doctor", "exit-codes", "completion",
)  # fmt: skip
LIGHT = (
    ["--help"], ["--version"], *([name, "--help"] for name in COMMANDS), ["completion", "bash"], ["exit-codes"],
    ["changes", "list"], ["changes", "show", "CHANGE"], ["catalog", "list"], ["catalog", "show", "mark"],
    ["ledger", "show"], ["token", "list"], ["schedule", "list"], ["schedule", "next", "nightly"], ["inventory", "list"],
    ["approve", "--help"], ["token", "new", "light"],
)  # fmt: skip
# runs several command lines, each in a fork of one warm process that has imported nothing of ours yet
WATCHED = """
import json, os, sys

heavy, lines = json.loads(sys.argv[1]), json.loads(sys.argv[2])
for words in lines:
    sys.stdout.flush()
    if (child := os.fork()) == 0:
        told = os.dup(1)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        sys.argv = ["gate", *words]
        code = 0
        try:
            from gate.__main__ import main
            main()
        except SystemExit as left:
            code = left.code or 0
        found = sorted({name.split(".")[0] for name in sys.modules} & set(heavy))
        os.write(told, (json.dumps([words, code, found]) + "\\n").encode())
        os._exit(0)
    os.waitpid(child, 0)
"""
# each in a fork of one that has imported nothing of ours, but what ours import from others: a first fork finds that out
EACH = """
import importlib, os, sys

def everything():
    for name in sys.argv[1:]:
        importlib.import_module(name)
    print(*sorted({name.partition(".")[0] for name in sys.modules} - {"gate", "planner", "__main__"}), file=told)

here, there = os.pipe()
if (child := os.fork()) == 0:
    with os.fdopen(there, "w") as told:
        everything()
    os._exit(0)
os.close(there)
with os.fdopen(here) as found:
    for name in found.read().split():
        try:
            importlib.import_module(name)
        except ImportError:
            pass  # it was made by another one
os.waitpid(child, 0)
assert not {"gate", "planner"} & set(sys.modules)
for name in sys.argv[1:]:
    if (child := os.fork()) == 0:
        try:
            importlib.import_module(name)
        except BaseException as wrong:
            print(name, repr(wrong), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def python(*arguments: str, at: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", *arguments], cwd=at, env=env, capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout


@pytest.fixture(scope="module")
def site(shared_site: Any) -> Any:
    shared_site.add_mark()
    (shared_site.root / "schedules.yml").write_text(
        '- schedule: nightly\n  cron: "30 2 * * *"\n'
        "  intent: {action: mark, targets: [web-03], parameters: {tag: nightly}}\n"
    )
    shared_site.json("inventory", "list")  # now it is remembered
    shared_site.change = shared_site.json("propose", "mark", "--on", "web-03", "-p", "tag=x", "--no-run")["id"]
    return shared_site


def test_what_only_looks_imports_no_engine(site: Any) -> None:
    lines = [[site.change if word == "CHANGE" else word for word in words] for words in LIGHT]
    told = python(WATCHED, json.dumps(HEAVY), json.dumps(lines), at=site.root, env=site.environment())
    seen = [json.loads(line) for line in told.splitlines()]
    assert seen == [[words, 0, []] for words in lines]


def test_the_watch_would_see_an_engine(site: Any) -> None:
    words = ["propose", "mark", "--on", "web-03", "-p", "tag=x", "--dry-run"]
    told = python(
        WATCHED, json.dumps([*HEAVY, "sqlalchemy"]), json.dumps([words]), at=site.root, env=site.environment()
    )
    assert "sqlalchemy" in json.loads(told)[2]


@pytest.mark.slow
def test_every_module_can_be_imported_on_its_own() -> None:
    assert len(MODULES) > 100
    assert python(EACH, *MODULES, at=Path("/")) == ""


def test_a_planner_brings_no_room_of_the_gate_but_the_wish_and_the_wire() -> None:
    told = python(
        "import sys, planner, planner.retrieval, planner.propose, gate.client;"
        "print(*sorted({name for name in sys.modules if name.startswith('gate.')}))",
        at=Path("/"),
    )
    rooms = {name.split(".")[1] for name in told.split()}
    assert rooms <= {"client", "intent", "values"}
