"""One host: a container in which systemd is the first process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hosts import cgroups, network
from tests.hosts.machine import HostsError
from tests.hosts.podman import Podman

BOOT_S = 120.0
# of one's own network namespace only: nftables, and what makes ping work
_CAPABILITIES = ("--cap-add=NET_ADMIN", "--cap-add=NET_RAW")
# crun of a host needs more than a container may; its overlays cannot lie upon another one
_FOR_CONTAINERS = ("--privileged", "--volume=/var/lib/containers")

_BOOT_ID = "/usr/lib/boot-id"
_BOOT = f"cat /proc/sys/kernel/random/uuid > {_BOOT_ID}; exec /sbin/init"


@dataclass(frozen=True, slots=True)
class Host:
    """`name` is what it calls itself, `container` what podman calls it."""

    name: str
    address: str
    container: str
    podman: Podman

    def start(self, image: str, network_name: str, seed: bytes, boot_id: Path, *, apps: Path | None = None) -> None:
        """Makes the host and lets it boot; the MAC address is fixed, or a neighbour would remember an old one.

        It can reboot, and writes what it takes for the id of its boot into the file `boot_id`: the kernel's is that of
        the machine. With `apps`, a store of images, the host can run containers of these itself.
        """
        mac = "02:77:{:02x}:{:02x}:{:02x}:{:02x}".format(*map(int, self.address.split(".")))
        self.podman(
            *("create", "--quiet", "--pull=never", "--systemd=always", "--stop-signal=SIGRTMIN+3"),
            *(f"--name={self.container}", f"--hostname={self.name}", f"--cgroup-parent={cgroups.PARENT}"),
            *(f"--network={network_name}", f"--ip={self.address}", f"--mac-address={mac}"),
            *((*_FOR_CONTAINERS, f"--volume={apps}:/usr/lib/imgstore:ro") if apps else _CAPABILITIES),
            *(f"--volume={boot_id}:{path}" for path in (_BOOT_ID, "/proc/sys/kernel/random/boot_id")),
            *("--restart=always", image, "sh", "-euc", _BOOT),
        )
        self.podman("cp", "--archive=false", "-", f"{self.container}:/", stdin=seed)
        self.podman("start", self.container)

    def wait(self) -> None:
        """Waits until everything that should run does.

        Raises:
            HostsError: it did not come up, or units of it failed.
        """
        deadline = time.monotonic() + BOOT_S
        while (state := self._system_state()) != "running":
            if state == "degraded" or time.monotonic() > deadline:
                failed = self.run("systemctl", "--failed", "--no-legend", "--plain")
                raise HostsError(f"The host {self.name} is {state or 'not up'}. Units that failed: {failed or 'none'}")
            time.sleep(0.1)

    def _system_state(self) -> str:
        # exits with 1 while there is no bus yet, and when a unit has failed
        return self.run("sh", "-c", "systemctl is-system-running --wait 2>/dev/null || true")

    def run(self, *command: str) -> str:
        """What a command printed on the host, as root and not by way of SSH: how a test looks for itself.

        Raises:
            HostsError: it failed.
        """
        return self.podman("exec", self.container, *command)

    def cut(self) -> None:
        """Pulls its cable: nothing comes through, and nobody is told."""
        network.set_link(self._pid(), up=False)

    def heal(self) -> None:
        """Plugs it in again."""
        network.set_link(self._pid(), up=True)

    def freeze(self) -> None:
        """Stops every process of it where it stands; the kernel still answers for it."""
        self.podman("pause", self.container)

    def thaw(self) -> None:
        """Lets them go on."""
        self.podman("unpause", self.container)

    def state(self) -> str:
        """running, cut, frozen, absent, or what podman calls anything else."""
        try:
            status = self._inspect("{{.State.Status}}")
        except HostsError:
            return "absent"
        if status == "paused":
            return "frozen"
        return "cut" if status == "running" and not network.is_up(self._pid()) else status

    def mend(self) -> None:
        """Takes back a cut and a freeze, if there are any."""
        if self._inspect("{{.State.Status}}") == "paused":
            self.thaw()
        if not network.is_up(self._pid()):
            self.heal()

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "address": self.address, "container": self.container}

    def _pid(self) -> int:
        return int(self._inspect("{{.State.Pid}}"))

    def _inspect(self, what: str) -> str:
        return self.podman("inspect", "--format", what, self.container)
