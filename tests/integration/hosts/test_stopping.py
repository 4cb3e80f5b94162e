"""Stopping what works on a host over SSH: it is called unknown, because the task goes on there. It really does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from gate.app import Gate
from gate.changes.model import Change, State
from gate.flow.cancel import stopped
from gate.intent import Intent

if TYPE_CHECKING:
    from tests.hosts.host import Host

PATIENCE_S = 120.0
Ask = Callable[..., Change]
Hosts = tuple["Host", ...]


def restart(host: str, service: str) -> Intent:
    return Intent.of("restart_service", [host], {"service": service}, "It hangs.")


def state(host: Host) -> str:
    return host.run("systemctl", "show", "app", "-p", "ActiveState", "--value").strip()


def eventually(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def slow(hosts: Hosts) -> Iterator[Host]:
    """The first host, with a service `app` that takes long to start."""
    unit = "[Service]\nType=exec\nExecStartPre=/usr/bin/sleep 15\nExecStart=/usr/bin/sleep infinity\n"
    hosts[0].run("sh", "-euc", f"printf '{unit}' > /etc/systemd/system/app.service; systemctl daemon-reload")
    yield hosts[0]
    hosts[0].run("sh", "-euc", "systemctl kill app; rm /etc/systemd/system/app.service; systemctl daemon-reload")


def test_a_task_that_is_stopped_over_ssh_may_go_on_and_its_host_is_unknown(gate: Gate, ask: Ask, slow: Host) -> None:
    change = ask(restart("web-01", "app"))
    eventually(lambda: state(slow) == "activating")
    gate.cancel(change.id, reason="The wrong host.")
    assert gate.wait(change.id, PATIENCE_S).state is State.UNKNOWN
    (do,) = gate.runs(change.id)
    told = do["outcome"]["hosts"]["web-01"]
    assert (do["outcome"]["stopped"], told["status"]) == (True, "unknown")
    assert "may have gone on on the host" in told["message"]
    assert stopped(gate.story(change.id))[0].after_s is not None
    eventually(lambda: state(slow) == "active")  # nobody was there any more who wanted it

    behind = ask(restart("web-01", "nginx"))
    eventually(lambda: gate.change(behind.id).waiting_for == "hold")
    gate.settle(change.id, state=State.SUCCEEDED, reason="I looked: it is active.")
    assert gate.wait(behind.id, PATIENCE_S).state is State.SUCCEEDED
    assert gate.verify()[0].sound
