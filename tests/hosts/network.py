"""The network of a lab: a bridge without a way out, and the links of its hosts, which can be cut."""

from __future__ import annotations

import json
from pathlib import Path

from tests.hosts.machine import HostsError, run
from tests.hosts.podman import Podman

_DEVICES = Path("/sys/class/net")
_IFF_UP = 1


def address(lab: int, place: int) -> str:
    """The address at a place of a lab's network: 1 is this machine's own, hosts begin at 11."""
    return f"10.77.{lab}.{place}"


def create(podman: Podman, name: str, lab: int) -> None:
    """Makes the network. It is internal: nothing goes out, and no firewall rule of this machine is touched."""
    podman("network", "create", "--internal", "--disable-dns", "--subnet", f"{address(lab, 0)}/24", name)


def open_for_machine(podman: Podman, name: str, lab: int) -> None:
    """Gives this machine its address on the bridge, which is there from the first host on."""
    bridge = json.loads(podman("network", "inspect", name))[0]["network_interface"]
    run("ip", "address", "replace", f"{address(lab, 1)}/24", "dev", bridge)


def set_link(pid: int, *, up: bool) -> None:
    """Pulls the cable of the host whose first process is `pid`, or plugs it in again."""
    run("ip", "link", "set", _link(pid), "up" if up else "down")


def is_up(pid: int) -> bool:
    """Whether the cable is plugged in."""
    return bool(int((_DEVICES / _link(pid) / "flags").read_text(), 16) & _IFF_UP)


def _link(pid: int) -> str:
    """The machine's end of the host's cable."""
    index = Path(f"/proc/{pid}/root/sys/class/net/eth0/iflink").read_text()
    for device in _DEVICES.iterdir():
        if (device / "ifindex").read_text() == index:
            return device.name
    raise HostsError(f"No link of this machine leads to the host of process {pid}. Take the hosts down and up again.")
