"""Stopping what another process runs, with the command line and over the wire."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from gate import Intent

HOST = "web-03"
MARK = ("propose", "mark", "--on", HOST, "-p", "pause_ms=60000")


@pytest.fixture
def site(site: Any) -> Any:
    site.add_mark()
    return site


def begun(site: Any, tag: str) -> Callable[[], bool]:
    return lambda: bool(site.marks(HOST, tag))


def test_a_person_stops_what_a_server_runs_and_sees_how_long_it_took(site: Any, eventually: Callable[..., Any]) -> None:
    with site.serving(), site.client(site.token()) as client:
        change = client.propose(Intent.of("mark", [HOST], {"tag": "wrong", "pause_ms": 60_000}))["id"]
        eventually(begun(site, "wrong"), "it has begun")
        told = site.json("cancel", change, "--reason", "wrong tag")
        assert (told["id"], told["state"]) == (change, "undone")
        do, undo = (run for run in told["runs"] if run["phase"] in {"do", "undo"})
        assert (do["outcome"]["stopped"], do["outcome"]["hosts"][HOST]["status"]) == (True, "failed")
        assert undo["outcome"]["status"] == "succeeded"
        (stop,) = told["stopped"]
        assert (stop["run"], stop["phase"]) == (do["id"], "do")
        assert stop["after_s"] < 60
        assert client.wait(change, 60)["state"] == "undone"
        again = site.gate("cancel", change, expect=1)
        assert "error GATE-STATE" in again.stderr
    assert site.marks(HOST, "wrong") == ["START", "UNDO"]
    assert site.json("ledger", "verify")["sound"]


def test_an_agent_stops_its_own_change_over_the_wire(site: Any, eventually: Callable[..., Any]) -> None:
    token, other = site.token(), site.token("other")
    with site.serving(), site.client(token) as client:
        change = client.propose(Intent.of("mark", [HOST], {"tag": "mine", "pause_ms": 60_000}))["id"]
        eventually(begun(site, "mine"), "it has begun")
        at = {"GATE_URL": f"unix:{site.socket}"}
        refused = site.gate("cancel", change, env={**at, "GATE_TOKEN": other}, expect=2)
        assert "There is no change" in refused.stderr
        told = site.json("cancel", change, env={**at, "GATE_TOKEN": token})
        assert told["state"] == "undone"
    assert site.marks(HOST, "mine") == ["START", "UNDO"]


def test_one_command_stops_what_another_runs(site: Any, eventually: Callable[..., Any]) -> None:
    command = [sys.executable, "-m", "gate", *MARK, "-p", "tag=here", "-o", "json"]
    with subprocess.Popen(
        command, cwd=site.root, env=site.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        eventually(begun(site, "here"), "it has begun")
        (change,) = site.states()
        said = site.gate("cancel", change, expect=0).stdout
        assert "It was stopped during Begin." in said
        assert "do ended " in said
        out, _ = running.communicate(timeout=120)
    assert running.returncode == 6
    assert json.loads(out)["state"] == "undone"
    assert site.marks(HOST, "here") == ["START", "UNDO"]


def test_what_nobody_runs_yet_is_withdrawn(site: Any) -> None:
    change = site.json(*MARK, "-p", "tag=never", "--no-run")["id"]
    assert site.json("cancel", change)["state"] == "withdrawn"
    assert site.states() == {change: "withdrawn"}
    assert site.marks(HOST, "never") == []
