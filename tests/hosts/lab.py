"""A lab: the hosts of one run, on a network of their own, with keys that nobody else has.

One that is made by hand, lab 0 mostly, stays until it is taken down. Any other belongs to the process that made it:
when that is gone, however it ended, whoever comes next takes its hosts away.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from gate.values.lease import Lease
from tests.hosts import access, cgroups, ground, machine, network
from tests.hosts.ground import BY_HAND, LABS, MOST_LABS
from tests.hosts.host import Host
from tests.hosts.keys import Key, seed
from tests.hosts.machine import HostsError, Say
from tests.hosts.podman import CONTAINERS_ON_HOST, Podman

MOST_HOSTS = 200
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Lab:
    """`hosts` are web-01, web-02 ...; `folder` has `inventory.yml`, `known_hosts`, `ssh_config` and the key `id`."""

    number: int
    hosts: tuple[Host, ...]
    podman: Podman
    lease: Lease | None = None  # held by whoever made it; None if it was made by hand, and for those who only look

    @property
    def folder(self) -> Path:
        return LABS / str(self.number)

    @property
    def name(self) -> str:
        return ground.lab_name(self.number)

    @property
    def inventory(self) -> dict[str, Any]:
        """What `inventory.yml` says, for a test to add its own groups and variables to."""
        return access.inventory(self.folder, self.hosts)

    def __getitem__(self, name: str) -> Host:
        """The host of this name. Raises HostsError."""
        for host in self.hosts:
            if host.name == name:
                return host
        known = ", ".join(host.name for host in self.hosts)
        raise HostsError(f"There is no host {name}. The lab has only those that were asked for. Take one of: {known}.")

    @classmethod
    def up(cls, count: int, say: Say, *, by_hand: int | None = None, containers: bool = False) -> Self:
        """Makes `count` hosts and waits until all of them work; with `containers` podman works on them too.

        `by_hand` is the number of a lab that stays.

        Raises:
            HostsError: they cannot be had here, or one of them did not come up. Nothing is left then.
        """
        if not 1 <= count <= MOST_HOSTS:
            raise HostsError(f"{count} hosts cannot be made. A lab has 1 to {MOST_HOSTS}. Ask for another number.")
        with ground.locked():
            image, apps = ground.prepare(say)
            ground.sweep()
            lab = cls._reserve(count, by_hand)
        try:
            lab._start(image, apps if containers else None)
        except BaseException:
            lab.down()
            raise
        return lab

    @classmethod
    def load(cls, number: int = BY_HAND) -> Self:
        """A lab that is there, to look at it or to take it down. Raises HostsError if it is not."""
        if number not in ground.numbers():
            raise HostsError(f"Lab {number} is not up. Nobody has made its hosts. Make some: make hosts N=2")
        told = json.loads((LABS / str(number) / ground.LAB).read_text())
        podman = ground.podman_of(number)
        return cls(number, tuple(Host(**host, podman=podman) for host in told["hosts"]), podman)

    @classmethod
    def _reserve(cls, count: int, by_hand: int | None) -> Self:
        taken = ground.numbers()
        if by_hand in taken:
            away = f"python -m tests.hosts down --lab {by_hand}"
            raise HostsError(f"Lab {by_hand} is up already. It was made by hand. Take it away: {away}")
        number = next(free for free in range(1, MOST_LABS + 1) if free not in taken) if by_hand is None else by_hand
        podman = ground.own_podman()
        names = [f"web-{place:02}" for place in range(1, count + 1)]
        hosts = tuple(
            Host(name, network.address(number, place), f"{ground.lab_name(number)}-{name}", podman)
            for place, name in enumerate(names, start=11)
        )
        folder = LABS / str(number)
        folder.mkdir(mode=0o700, parents=True)
        lease = Lease.take(folder / ground.LEASE) if by_hand is None else None
        told = {"store": str(podman.store), "hosts": [host.as_json() for host in hosts]}
        (folder / ground.LAB).write_text(json.dumps(told))
        return cls(number, hosts, podman, lease)

    def _start(self, image: str, apps: Path | None) -> None:
        login, own = Key.make(), {host.name: Key.make() for host in self.hosts}
        access.write(self.folder, self.hosts, login, own)
        cgroups.claim()
        network.create(self.podman, self.name, self.number)

        def start(host: Host) -> None:
            files = {"etc/containers/containers.conf": CONTAINERS_ON_HOST.format(files=machine.open_files())}
            boot_id = self.folder / f"boot-id.{host.name}"
            boot_id.touch()
            host.start(image, self.name, seed(own[host.name], login, files), boot_id, apps=apps)

        self._each(start)
        cgroups.favour()
        network.open_for_machine(self.podman, self.name, self.number)
        self._each(Host.wait)

    def _each(self, deed: Callable[[Host], None]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(deed, self.hosts):
                pass

    def mend(self) -> None:
        """Takes back every cut and freeze."""
        for host in self.hosts:
            host.mend()

    def down(self) -> None:
        """Takes all of it away; with the last lab, what the hosts needed of this machine too."""
        with ground.locked():
            ground.remove(self.podman, self.number)
            ground.leave(self.podman)
        if self.lease is not None:
            self.lease.release()


def labs() -> list[Lab]:
    """All labs of this machine, that of people first."""
    return [Lab.load(number) for number in ground.numbers()]
