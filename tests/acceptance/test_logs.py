"""`gate logs`, and what a terminal shows of a change that one waits for."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from gate import Intent

HOST = "web-03"


@pytest.fixture
def site(site: Any) -> Any:
    site.add_mark()
    return site


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_another_process_follows_a_change_that_a_server_runs(site: Any, eventually: Callable[..., Any]) -> None:
    command = [sys.executable, "-m", "gate", "logs", "-f", "-o", "json"]
    with site.serving(), site.client(site.token()) as client:
        change = client.propose(Intent.of("mark", [HOST], {"tag": "seen", "pause_ms": 3000, "outcome": "verify-fails"}))
        with subprocess.Popen(
            [*command, change["id"]], cwd=site.root, env=site.environment(), stdout=subprocess.PIPE, text=True
        ) as following:
            assert following.stdout is not None
            heard = []
            for line in following.stdout:
                heard.append(json.loads(line))
                if heard[-1]["kind"] == "progress" and "Begin" in line:
                    break
            assert client.status(change["id"])["state"] == "running"  # it is told while it happens
            rest, _ = following.communicate(timeout=120)
        assert following.returncode == 6
    heard += events(rest)
    assert heard[0]["kind"] == "proposed"
    assert [event["phase"] for event in heard if event["kind"] == "run"] == ["do", "verify", "undo"]
    assert heard[-1]["kind"] == "undone"
    assert events(site.gate("logs", change["id"], "-o", "json", expect=0).stdout) == heard
    later = site.gate("logs", change["id"], "-o", "json", "--after", str(heard[4]["seq"]), expect=0).stdout
    assert events(later) == heard[5:]


def test_people_see_tasks_and_hosts_and_no_colours_where_they_want_none(site: Any) -> None:
    change = site.json("propose", "mark", "--on", HOST, "-p", "tag=plain", "-p", "outcome=do-fails", expect=6)["id"]
    said = site.gate("logs", change, expect=0)
    for line in (
        "do     begins on web-03",
        "do     ok          Record the evidence: web-03",
        "do     changed     Begin: web-03",
        "do     failed      Fail where it is wanted: web-03",
        "web-03: It is meant to fail.",
        "do     failed   web-03 failed",
        "undo   changed     Take back: web-03",
    ):
        assert line in said.stdout, said.stdout
    assert not [line for line in said.stdout.splitlines() if "started" in line and " do " in line]
    assert "\x1b" not in said.stdout + said.stderr
    coloured = site.gate("logs", change, env={"NO_COLOR": "", "FORCE_COLOR": "1"}, expect=0).stdout
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == said.stdout
    shown = site.gate("changes", "show", change, expect=0).stdout
    assert "progress" not in shown


def test_a_terminal_shows_the_tasks_as_they_come_and_a_pipe_does_not(site: Any) -> None:
    words = ["propose", "mark", "--on", HOST, "-p", "pause_ms=500"]
    here, there = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "gate", *words, "-p", "tag=shown"],
        cwd=site.root,
        env=site.environment(),
        stdout=subprocess.PIPE,
        stderr=there,
        text=True,
    ) as process:
        os.close(there)
        shown = b""
        while True:
            try:
                part = os.read(here, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        out, _ = process.communicate(timeout=120)
    os.close(here)
    assert process.returncode == 0
    lines = [line.strip() for line in shown.decode().splitlines()]
    assert "do     begins on web-03" in lines
    assert "do     changed     Begin: web-03" in lines
    assert "verify ok          Fail where it is wanted: web-03" in lines
    assert "Begin: web-03" not in out
    quiet = site.gate(*words, "-p", "tag=quiet", expect=0)
    assert "Begin: web-03" not in quiet.stdout + quiet.stderr


def test_an_agent_sees_the_logs_of_its_own_change_over_the_wire(site: Any) -> None:
    token, other = site.token(), site.token("other")
    with site.serving(), site.client(token) as client:
        change = client.propose(Intent.of("mark", [HOST], {"tag": "wire"}))["id"]
        at = {"GATE_URL": f"unix:{site.socket}", "GATE_TOKEN": token}
        heard = events(site.gate("logs", "-f", change, "-o", "json", env=at, expect=0).stdout)
        assert heard[-1]["kind"] == "succeeded"
        assert events(site.gate("logs", change, "-o", "json", env=at, expect=0).stdout) == heard
        assert site.gate("logs", change, env={**at, "GATE_TOKEN": other}, expect=2).stdout == ""


def test_what_is_not_there_has_no_logs(site: Any) -> None:
    assert "error GATE-NOT-FOUND" in site.gate("logs", "chg-none", expect=2).stderr


def test_a_change_that_waits_is_followed_for_a_while(site: Any) -> None:
    change = site.json("propose", "mark", "--on", HOST, "-p", "tag=later", "--no-run")["id"]
    said = site.gate("logs", "-f", change, "--timeout", "0.3", expect=5)
    assert "proposed" in said.stdout
