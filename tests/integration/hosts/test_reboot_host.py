"""The shipped action `reboot_host`, on hosts whose systemd is really started anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.app import Gate
from gate.changes.model import Change, State
from gate.init import shipped
from gate.intent import Intent
from gate.values.errors import UndoError
from tests.told import by_host, told, was_cold

if TYPE_CHECKING:
    from tests.hosts.host import Host

PATIENCE_S = 180.0
Hosts = tuple["Host", ...]


@pytest.fixture
def rebooting(site: Path, hosts: Hosts) -> Iterator[Host]:
    """The first host, with what a shutdown is asked of; the hosts of the tests otherwise do without it."""
    shutil.copytree(shipped() / "playbooks" / "reboot_host", site / "playbooks" / "reboot_host")
    hosts[0].run("sh", "-euc", "systemctl unmask -q systemd-logind; systemctl start systemd-logind")
    yield hosts[0]
    hosts[0].run("sh", "-euc", "systemctl stop systemd-logind; systemctl mask -q systemd-logind")


def boot(host: Host) -> tuple[str, str]:
    """Which boot it is: what it says itself, and since when its first process runs."""
    own = host.run("cat", "/proc/sys/kernel/random/boot_id")
    return own, host.run("sh", "-c", "cut -d ' ' -f 22 /proc/1/stat")


def reboot(gate: Gate, **parameters: int) -> Change:
    wish = Intent.of("reboot_host", ["web-01"], parameters, "A new kernel.")
    return gate.wait(gate.propose(wish).id, PATIENCE_S)


def test_it_boots_anew_and_is_waited_for_and_nothing_takes_that_back(gate: Gate, rebooting: Host) -> None:
    before = boot(rebooting)
    change = reboot(gate)
    assert change.state is State.SUCCEEDED
    after = boot(rebooting)
    assert after[0] != before[0]
    assert int(after[1]) > int(before[1])
    assert [run["phase"] for run in gate.runs(change.id)] == ["do", "verify"]
    with pytest.raises(UndoError, match="declared irreversible"):
        gate.undo(change.id)
    assert gate.verify()[0].sound


@pytest.mark.usefixtures("rebooting")
def test_it_tells_the_same_whether_ansible_was_warm_or_not(site: Path) -> None:
    cold, warm = tell(site, warm=False), tell(site, warm=True)
    assert [was_cold(folder) for _, folder in warm] == ["", ""]
    assert [phase for phase, _ in warm] == [phase for phase, _ in cold]
    for (_, one), (_, other) in zip(cold, warm, strict=True):
        (events, output), (warm_events, warm_output) = told(one), told(other)
        assert lasting(by_host(warm_events)) == lasting(by_host(events))
        assert warm_output == output


def tell(site: Path, *, warm: bool) -> list[tuple[str, Path]]:
    """The runs of one reboot: phase and folder."""
    with Gate.open(site, warm=warm) as gate:
        if warm:
            gate._pool.ready(PATIENCE_S)
        change = reboot(gate)
        assert change.state is State.SUCCEEDED
        return [(run["phase"], gate.folder.state / "runs" / run["id"]) for run in gate.runs(change.id)]


def lasting(events: Any) -> Any:
    """Without the whole seconds that the machine was away."""
    if isinstance(events, dict):
        return {key: lasting(value) for key, value in events.items() if key != "elapsed"}
    return [lasting(one) for one in events] if isinstance(events, list) else events


@pytest.mark.slow
def test_a_machine_that_does_not_come_back_in_time_is_a_failure(gate: Gate, rebooting: Host) -> None:
    rebooting.run("systemctl", "disable", "-q", "ssh")
    try:
        change = reboot(gate, wait=30)
        assert change.state is State.FAILED
        outcome = gate.runs(change.id)[0]["outcome"]["hosts"]["web-01"]
        assert outcome["status"] == "failed"
        assert "Timed out" in outcome["message"]
    finally:
        rebooting.run("systemctl", "enable", "-q", "--now", "ssh")
