"""The shipped action `restart_service`, from the wish to the undo, on hosts with a real systemd."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from gate.app import Gate
from gate.changes.model import Change, State
from gate.intent import Intent

if TYPE_CHECKING:
    from tests.hosts.host import Host

PATIENCE_S = 120.0
Ask = Callable[..., Change]
Hosts = tuple["Host", ...]
Service = Callable[[str], "Host"]


def restart(*hosts: str, service: str = "nginx") -> Intent:
    return Intent.of("restart_service", list(hosts), {"service": service}, "It hangs.")


def unit(host: Host, name: str = "nginx") -> dict[str, str]:
    told = host.run("systemctl", "show", name, "-p", "ActiveState", "-p", "InvocationID", "-p", "MainPID")
    return dict(line.split("=", 1) for line in told.splitlines())


def outcome(gate: Gate, change: Change) -> dict[str, Any]:
    """What the first run of the change did, by host."""
    told: dict[str, Any] = gate.runs(change.id)[0]["outcome"]["hosts"]
    return told


@pytest.fixture
def stopped(hosts: Hosts) -> Iterator[Hosts]:
    """Both hosts, with nginx down on the second one."""
    hosts[1].run("systemctl", "stop", "nginx")
    yield hosts
    hosts[1].run("systemctl", "start", "nginx")


@pytest.fixture
def app(hosts: Hosts) -> Iterator[Callable[[str], Host]]:
    """Gives the first host a service `app` that starts with a command."""

    def make(command: str) -> Host:
        unit = f"[Service]\nType=exec\nExecStartPre={command}\nExecStart=/usr/bin/sleep infinity\n"
        hosts[0].run("sh", "-euc", f"printf '{unit}' > /etc/systemd/system/app.service; systemctl daemon-reload")
        return hosts[0]

    yield make
    hosts[0].run("sh", "-euc", "systemctl kill app; rm /etc/systemd/system/app.service; systemctl daemon-reload")


def test_it_restarts_what_runs_and_starts_what_is_down_and_takes_back_only_that(
    gate: Gate, ask: Ask, stopped: Hosts
) -> None:
    before = [unit(host) for host in stopped]
    change = gate.wait(ask(restart("web-01", "web-02")).id, PATIENCE_S)
    assert change.state is State.SUCCEEDED
    after = [unit(host) for host in stopped]
    assert [one["ActiveState"] for one in before] == ["active", "inactive"]
    assert [one["ActiveState"] for one in after] == ["active", "active"]
    assert after[0]["InvocationID"] != before[0]["InvocationID"]
    assert after[0]["MainPID"] != before[0]["MainPID"]
    assert [run["phase"] for run in gate.runs(change.id)] == ["do", "verify"]

    undone = gate.wait(gate.undo(change.id, reason="Try it.").id, PATIENCE_S)
    assert undone.state is State.SUCCEEDED
    assert gate.change(change.id).state is State.UNDONE
    assert [unit(host)["ActiveState"] for host in stopped] == ["active", "inactive"]
    assert unit(stopped[0])["MainPID"] == after[0]["MainPID"]  # it ran before, so the undo leaves it alone
    assert gate.verify()[0].sound


def test_a_service_that_does_not_come_up_makes_the_change_fail(gate: Gate, ask: Ask, app: Service) -> None:
    host = app("/usr/bin/false")
    change = gate.wait(ask(restart("web-01", service="app")).id, PATIENCE_S)
    assert change.state is State.FAILED
    assert outcome(gate, change)["web-01"]["status"] == "failed"
    assert unit(host, "app")["ActiveState"] in {"failed", "activating"}


def test_a_service_that_the_inventory_does_not_name_is_left_alone(gate: Gate, ask: Ask, hosts: Hosts) -> None:
    before = unit(hosts[0], "cron")
    change = gate.wait(ask(restart("web-01", service="cron")).id, PATIENCE_S)
    assert change.state is State.FAILED
    assert "gate_services" in outcome(gate, change)["web-01"]["message"]
    assert unit(hosts[0], "cron") == before


def test_a_host_that_is_lost_before_it_was_touched_is_unreachable_and_one_lost_midway_is_unknown(
    gate: Gate, ask: Ask, hosts: Hosts, app: Service
) -> None:
    host = app("/usr/bin/sleep 600")
    hosts[1].freeze()
    change = ask(restart("web-01", "web-02", service="app"))
    eventually(lambda: unit(host, "app")["ActiveState"] == "activating", "app is being started")
    host.cut()
    change = gate.wait(change.id, PATIENCE_S)
    assert change.state is State.UNKNOWN
    told = outcome(gate, change)
    assert {name: one["status"] for name, one in told.items()} == {"web-01": "unknown", "web-02": "unreachable"}


def eventually(found: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline, f"it never came about that {what}"
        time.sleep(0.1)
