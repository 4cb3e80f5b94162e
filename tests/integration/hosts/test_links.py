"""A host that does not answer: told as unreachable in bounded time, and well again when it answers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

from tests.hosts.host import Host
from tests.hosts.lab import Lab

Hosts = tuple[Host, ...]
Ansible = Callable[..., "subprocess.CompletedProcess[str]"]


def test_hosts_that_are_cut_off_or_frozen_are_unreachable_and_well_again_when_they_are_back(
    lab: Lab, hosts: Hosts, ansible: Ansible
) -> None:
    def spoken_to() -> dict[str, str]:
        """How it went, by host. The command has a time-out: to hang is to fail."""
        done = ansible(lab.folder / "inventory.yml", "all", "-m", "command", "-a", "hostname")
        return dict(re.findall(r"^(\S+) \| (CHANGED|UNREACHABLE)", done.stdout, re.MULTILINE))

    assert spoken_to() == {"web-01": "CHANGED", "web-02": "CHANGED"}  # from here on ssh is connected
    hosts[0].cut()
    hosts[1].freeze()
    assert spoken_to() == {"web-01": "UNREACHABLE", "web-02": "UNREACHABLE"}
    hosts[0].heal()
    hosts[1].thaw()
    assert spoken_to() == {"web-01": "CHANGED", "web-02": "CHANGED"}
