"""Several processes on one site: the database decides who was first, and a host is never changed by two at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gate import Intent

HOST = "web-03"
EMBEDDED = """
import sys
from gate import Gate, Intent

tag, host = sys.argv[1:]
with Gate.open(".") as gate:
    change = gate.propose(Intent.of("mark", [host], {"tag": tag, "pause_ms": 500}))
    print(gate.wait(change.id, 100).state.value)
"""


@pytest.fixture
def site(site: Any) -> Any:
    site.add_mark()
    return site


def shown(site: Any, change: str) -> dict[str, Any]:
    found: dict[str, Any] = site.json("changes", "show", change)
    return found


def pairs(site: Any, host: str) -> list[tuple[str, ...]]:
    """The marks of a host, two by two: each START has to be followed by the END of the same change."""
    lines = [line.split() for line in (site.host(host) / "marks").read_text().splitlines()]
    lines = [line for line in lines if line[0] != "UNDO"]
    return [(*first, *second) for first, second in zip(lines[::2], lines[1::2], strict=True)]


@pytest.mark.slow
def test_a_command_line_beside_a_running_gate_repeats_and_corrupts_nothing(site: Any) -> None:
    words = ["-p", "pause_ms=100", "--on", HOST]
    with site.serving(), site.client(site.token()) as client, ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(client.propose, Intent.of("mark", [HOST], {"tag": f"wire-{n}", "pause_ms": 100}), key=f"w-{n}")
            for n in range(3)
        ]
        jobs += [pool.submit(site.json, "propose", "mark", "-p", f"tag=cli-{n}", *words) for n in range(3)]
        made = [job.result()["id"] for job in jobs]
        ended = [pool.submit(client.wait, change, 60) for change in made[:3]]
        assert [job.result()["state"] for job in ended] == ["succeeded"] * 3
        # one of them wins; another is refused when it asks (7), or when it wants to start (3)
        newest = max(made)
        undos = [pool.submit(site.gate, "undo", newest) for _ in range(3)]
        codes = sorted(job.result().returncode for job in undos)
    assert codes[0] == 0
    assert set(codes[1:]) <= {3, 7}
    assert shown(site, newest)["state"] == "undone"
    tags = [f"{door}-{n}" for door in ("wire", "cli") for n in range(3)]
    assert sorted(pairs(site, HOST)) == sorted(("START", tag, "END", tag) for tag in tags)
    marks = (site.host(HOST) / "marks").read_text().splitlines()
    assert len([line for line in marks if line.startswith("UNDO")]) == 1
    assert site.json("ledger", "verify")["sound"]


@pytest.mark.slow
def test_of_two_approvals_at_once_the_change_runs_once(site: Any) -> None:
    with site.serving(), site.client(site.token()) as client, ThreadPoolExecutor(4) as pool:
        change = client.propose(Intent.of("mark", ["web-01"], {"tag": "twice"}))["id"]
        assert client.wait(change, 60)["waiting_for"] == "approval"
        jobs = [pool.submit(site.gate, "approve", change, "--yes", "--comment", f"n{n}") for n in range(4)]
        codes = sorted(job.result().returncode for job in jobs)
        assert client.wait(change, 60)["state"] == "succeeded"
    assert codes[0] == 0
    assert set(codes) <= {0, 1}
    assert site.marks("web-01", "twice") == ["START", "END"]
    kinds = [entry["kind"] for entry in shown(site, change)["story"]]
    assert kinds.count("started") == 1
    assert site.json("ledger", "verify")["sound"]


@pytest.mark.slow
def test_the_same_request_from_many_processes_at_once_makes_one_change(site: Any) -> None:
    with site.serving(), ThreadPoolExecutor(4) as pool:
        words = ["propose", "mark", "--on", HOST, "-p", "tag=once", "--key", "the-same"]
        ids = {job.result()["id"] for job in [pool.submit(site.json, *words) for _ in range(4)]}
        assert len(ids) == 1
        assert site.json("changes", "wait", *ids)["state"] == "succeeded"
    assert site.marks(HOST, "once") == ["START", "END"]


def test_a_second_gate_does_not_serve_the_same_site(site: Any) -> None:
    with site.serving() as server:
        second = site.gate("serve", expect=1)
        assert "error GATE-STATE: This site is served already." in second.stderr
        assert second.stderr.count("\n") == 3
        assert server.process.poll() is None
        assert site.gate("changes", "list", expect=0)
        with site.client(site.token()) as client:  # the first one's socket is still its own
            assert client.catalog()["actions"]


def test_whoever_sees_the_socket_is_answered(site: Any, eventually: Callable[..., Any]) -> None:
    token = site.token()
    with site.serving() as first:
        first.kill()
        assert site.socket.exists()  # a killed gate leaves it behind, and the next one takes its place
    with site.serving(), site.client(token) as client:
        assert client.catalog()["actions"]
    assert not site.gate("changes", "list", expect=0).stdout


@pytest.mark.slow
def test_two_embedded_gates_take_turns_on_a_host(site: Any) -> None:
    began = time.monotonic()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", EMBEDDED, tag, HOST],
            cwd=site.root,
            env=site.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for tag in ("one", "two", "three")
    ]
    told = [process.communicate(timeout=120) for process in processes]
    assert [out.strip() for out, _ in told] == ["succeeded"] * 3, (told, time.monotonic() - began)
    assert sorted(pairs(site, HOST)) == sorted(("START", tag, "END", tag) for tag in ("one", "two", "three"))
    assert set(site.states().values()) == {"succeeded"}
    assert site.json("ledger", "verify")["sound"]
