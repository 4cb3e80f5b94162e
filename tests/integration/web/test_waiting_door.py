"""Waiting over the wire: whoever waits keeps nobody else out."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

import httpx2
import pytest

from gate.app import Gate
from gate.changes.model import AT_REST, Change, State
from gate.client import GateClient
from gate.intent import Intent
from gate.values.errors import BusyError
from gate.web.stream import WAITS_OF_ONE

Client = Callable[..., GateClient]
Token = Callable[..., str]
Wish = Callable[..., Intent]
THREADS = 40  # as many does Starlette have; a wait that took one would keep all others out


@pytest.fixture
def ready(gate: Gate, client: Client, workers: Wish) -> Change:
    """A change of agent:planner that may start, while nothing does."""
    gate.halt(reason="A look around.")
    change = client().propose(workers("web-03"))["id"]
    assert gate.change(change).state is State.READY
    return gate.change(change)


@contextmanager
def waiting(served: str, token: str, change: Change) -> Iterator[socket.socket]:
    """Somebody who waits for it, in as few words as that takes."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(30)
        line.connect(served.removeprefix("unix:"))
        path = f"/v1/changes/{change.id}/wait?timeout_s=30"
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        yield line


def test_many_that_wait_keep_nobody_out(served: str, client: Client, token: Token, ready: Change) -> None:
    propose = token("agent:planner", "propose")
    with ExitStack() as waits:
        for _ in range(THREADS + 5):
            waits.enter_context(waiting(served, propose, ready))
        began = time.monotonic()
        assert client(token("human:alice", "operate", "read")).cancel(ready.id)["state"] == "withdrawn"
        assert time.monotonic() - began < 25  # they would all have waited for 30 s


def test_one_actor_waits_so_many_times_at_once(served: str, client: Client, token: Token, ready: Change) -> None:
    with ExitStack() as waits:
        lines = [waits.enter_context(waiting(served, token(), ready)) for _ in range(WAITS_OF_ONE + 1)]
        refused = _first_said(lines)
        assert b"503" in refused
        assert b"GATE-BUSY" in refused
        assert client(token("human:alice", "read")).wait(ready.id, 0.1)["state"] == "ready"
    deadline = time.monotonic() + 60
    while True:  # places are free as soon as the server has seen that nobody waits any more
        try:
            assert client().wait(ready.id, 0.1)["state"] == "ready"
        except BusyError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def test_who_waits_hears_of_the_end(client: Client, gate: Gate, ready: Change) -> None:
    gate.cancel(ready.id)
    assert client().wait(ready.id, 30)["state"] == "withdrawn"


@pytest.fixture
def wait_without_a_look(
    http: httpx2.Client, token: Token, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], dict[str, Any]]:
    """Waits at the door for a change, which hears of its end or of nothing."""
    monkeypatch.setattr("gate.web.api.LOOK_S", 3600.0)
    monkeypatch.setattr("gate.web.api.MAX_WAIT_S", 3600.0)
    headers = {"Authorization": f"Bearer {token()}"}

    def wait(change: str) -> dict[str, Any]:
        path = f"/v1/changes/{change}/wait"
        reply: dict[str, Any] = http.get(path, params={"timeout_s": "3600"}, headers=headers, timeout=60).json()
        return reply

    return wait


def test_who_waits_is_told_and_the_door_need_not_look(
    wait_without_a_look: Callable[[str], dict[str, Any]], workers: Wish, client: Client
) -> None:
    assert wait_without_a_look(client().propose(workers("web-03"))["id"])["state"] == "succeeded"


def test_who_waits_is_told_before_the_next_work_is_looked_for(
    wait_without_a_look: Callable[[str], dict[str, Any]],
    workers: Wish,
    client: Client,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told, real_wake, woken = Event(), gate.site.wake, []

    def wake() -> None:
        woken.append("by what was proposed, then by what ended")
        _ = real_wake() if len(woken) == 1 else told.wait(60)

    monkeypatch.setitem(gate.__dict__, "site", replace(gate.site, wake=wake))
    assert wait_without_a_look(client().propose(workers("web-03"))["id"])["state"] == "succeeded"
    told.set()


@pytest.mark.parametrize("state", ["withdrawn", "denied"])
def test_who_waits_is_told_that_somebody_ended_it(
    wait_without_a_look: Callable[[str], dict[str, Any]],
    client: Client,
    workers: Wish,
    gate: Gate,
    token: Token,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
) -> None:
    change = gate.wait(client().propose(workers("web-01"))["id"], 60).id
    monkeypatch.setattr(Change, "settled", property(lambda change: change.state in AT_REST))  # approval is waited for
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(wait_without_a_look, change)
        while change not in gate.bells._listeners:
            time.sleep(0.01)
        time.sleep(0.5)  # it has looked once, and looks no more
        if state == "withdrawn":
            client(token("human:alice", "operate", "read")).cancel(change)
        else:
            gate.reject(change, reason="Not today.")
        assert waiter.result(60)["state"] == state


def _first_said(lines: list[socket.socket]) -> bytes:
    heard, _, _ = select.select(lines, [], [], 30)
    said = b""
    while not said.endswith(b"}"):  # its head and its body may come one after the other
        said += heard[0].recv(4096)
    return said
