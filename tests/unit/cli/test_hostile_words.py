"""What hosts and agents say reaches a terminal as text: it moves no cursor, hides nothing and forges no line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml

from gate.cli import logs, tell
from gate.cli.output import say, show, state, table

ACTS = [
    "\x1b[2J",
    "\x1b[8mhidden",
    "\x1b]0;title\x07",
    "\x1b]52;c;Y3VybA==\x07",
    "\x1bc",
    "\x1b[1A\x1b[2K",
    "\x1b[1;1H",
    "\x9b2J",
    "a\rb",
    "a\bb",
    "\x7f",
    "\u202eevil",
    "\u2028",
]
LINE = "all is well\n12:00:00  do     succeeded   web-01 succeeded"


@pytest.fixture(autouse=True)
def _as_on_a_terminal() -> Iterator[None]:
    with click.Context(click.Command("gate")) as context:
        context.color = True
        yield


def acts(text: str) -> bool:
    """Whether there is more in it than text, lines and colours."""
    return not re.sub(r"\x1b\[(0|1|3[1-6])m|\n", "", text).isprintable()


@pytest.mark.parametrize("said", ACTS)
def test_nothing_that_acts_on_a_terminal_passes(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{state('failed')}  web-01: {said}")
    table([["web-01", said]], ["host", "said"], "")
    for output in ("json", "yaml"):
        show(output, {"said": said}, lambda: None)
    told = progress(said)
    for output in ("table", "json", "yaml"):
        logs._print(told, output, live=True)
    tell.result(change(), [run(said)])
    shown = capsys.readouterr()
    assert not acts(shown.out + shown.err), repr(shown.out)


def test_our_own_colours_stay(capsys: pytest.CaptureFixture[str]) -> None:
    ours = f"{state('failed')} {state('undone')} {click.style('x', fg='cyan')}"
    say(ours)
    assert capsys.readouterr().out == ours + "\n"


def test_the_lines_of_a_host_are_not_taken_for_ours(capsys: pytest.CaptureFixture[str]) -> None:
    logs._print(progress(LINE), "table", live=True)
    tell.result(change(), [run(LINE)])
    lines = capsys.readouterr().out.splitlines()
    forged = [line for line in lines if "do     succeeded" in line]
    assert len(forged) == 4
    assert all(line.startswith("    | ") for line in forged)


def test_json_says_the_same_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"said": "".join(ACTS) + "grüße \U000e0001 \U0001f600"}
    show("json", value, lambda: None)
    printed = capsys.readouterr().out
    assert json.loads(printed)["said"] == value["said"]
    assert "grüße" in printed
    show("yaml", value, lambda: None)
    assert yaml.safe_load(capsys.readouterr().out)["said"] == value["said"]


def progress(said: str) -> dict[str, Any]:
    task = {"task": f"Try {said}", "failed": {"web-01": said}}
    return {
        "kind": "progress", "at": "2026-11-26T12:00:00Z", "phase": "do", "tasks": [task], "errors": [said],
    }  # fmt: skip


def run(said: str) -> dict[str, Any]:
    hosts = {"web-01": {"status": "failed", "changed": 0, "message": said}}
    return {"phase": "do", "outcome": {"status": "failed", "hosts": hosts, "note": "", "diff": {}}}


def change() -> dict[str, Any]:
    return {"state": "failed", "id": "chg-1", "waiting_for": None, "undo_of": None}
