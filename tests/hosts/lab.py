"""A lab: the hosts of one run, on a network of their own, with keys that nobody else has.

Lab 0 is made by hand and stays until it is taken down. Any other belongs to the process that made it: when that
is gone, however it ended, whoever comes next takes its hosts away.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from gate.values.lease import Lease
from tests.hosts import access, machine, network
from tests.hosts.host import Host
from tests.hosts.image import ensure_image
from tests.hosts.keys import Key, seed
from tests.hosts.machine import RUN, HostsError, Say
from tests.hosts.podman import CONTAINERS_ON_HOST, Podman

LABS = RUN / "labs"
BY_HAND = 0
MOST_HOSTS = 200
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Lab:
    """`hosts` are web-01, web-02 ...; `folder` has `inventory.yml`, `known_hosts`, `ssh_config` and the key `id`."""

    number: int
    hosts: tuple[Host, ...]
    podman: Podman
    lease: Lease | None = None  # held by whoever made it; None in lab 0, and for those who only look

    @property
    def folder(self) -> Path:
        return LABS / str(self.number)

    @property
    def name(self) -> str:
        return f"gate-lab-{self.number}"

    def __getitem__(self, name: str) -> Host:
        """The host of this name. Raises HostsError."""
        for host in self.hosts:
            if host.name == name:
                return host
        known = ", ".join(host.name for host in self.hosts)
        raise HostsError(f"There is no host {name}. The lab has only those that were asked for. Take one of: {known}.")

    @classmethod
    def up(cls, count: int, say: Say, *, by_hand: bool = False, containers: bool = False) -> Self:
        """Makes `count` hosts and waits until all of them work; with `containers` podman works on them too.

        Raises:
            HostsError: they cannot be had here, or one of them did not come up. Nothing is left then.
        """
        if not 1 <= count <= MOST_HOSTS:
            raise HostsError(f"{count} hosts cannot be made. A lab has 1 to {MOST_HOSTS}. Ask for fewer.")
        with _locked():
            image = _prepare(say)
            _sweep()
            lab = cls._reserve(count, by_hand=by_hand)
        try:
            lab._start(image, containers=containers)
        except BaseException:
            lab.down()
            raise
        return lab

    @classmethod
    def by_hand(cls) -> Self:
        """Lab 0. Raises HostsError if it is not up."""
        if not (LABS / str(BY_HAND)).is_dir():
            raise HostsError("No hosts are up. Nobody has made any by hand. Make some: make hosts N=2")
        return cls.load(BY_HAND)

    @classmethod
    def load(cls, number: int) -> Self:
        """A lab that is there, to look at it or to take it down."""
        told = json.loads((LABS / str(number) / "lab.json").read_text())
        podman = Podman(Path(told["store"]))
        return cls(number, tuple(Host(**host, podman=podman) for host in told["hosts"]), podman)

    @classmethod
    def _reserve(cls, count: int, *, by_hand: bool) -> Self:
        number = BY_HAND if by_hand else next(free for free in range(1, 255) if not (LABS / str(free)).exists())
        podman = _podman()
        names = [f"web-{place:02}" for place in range(1, count + 1)]
        hosts = tuple(
            Host(name, network.address(number, place), f"gate-lab-{number}-{name}", podman)
            for place, name in enumerate(names, start=11)
        )
        lab = cls(number, hosts, podman)
        try:
            lab.folder.mkdir(mode=0o700, parents=True)
        except FileExistsError:
            raise HostsError("There are hosts already. They were made by hand. See: make hosts-down") from None
        lease = None if by_hand else Lease.take(lab.folder / "lease")
        told = {"store": str(podman.store), "hosts": [host.as_json() for host in hosts]}
        (lab.folder / "lab.json").write_text(json.dumps(told))
        machine.claim_cgroups()
        return cls(number, hosts, podman, lease)

    def _start(self, image: str, *, containers: bool) -> None:
        login, own = Key.make(), {host.name: Key.make() for host in self.hosts}
        access.write(self.folder, self.hosts, login, own)
        network.create(self.podman, self.name, self.number)

        def start(host: Host) -> None:
            files = {"etc/containers/containers.conf": CONTAINERS_ON_HOST.format(files=machine.open_files())}
            host.start(image, self.name, seed(own[host.name], login, files), containers=containers)

        self._each(start)
        network.open_for_machine(self.podman, self.name, self.number)
        self._each(Host.wait)

    def _each(self, deed: Callable[[Host], None]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(deed, self.hosts):
                pass

    @property
    def inventory(self) -> dict[str, Any]:
        """What `inventory.yml` says, for a test to add its own groups and variables to."""
        return access.inventory(self.folder, self.hosts)

    def mend(self) -> None:
        """Takes back every cut and freeze."""
        for host in self.hosts:
            host.mend()

    def down(self) -> None:
        """Takes all of it away; with the last lab, what the hosts needed of this machine too."""
        with _locked():
            self._remove()
            _leave(self.podman)

    def _remove(self) -> None:
        _remove_containers(self.podman, lambda number: number == self.number)
        if self.name in self.podman.lines("network", "ls", "--format", "{{.Name}}"):
            self.podman("network", "rm", self.name)
        shutil.rmtree(self.folder)
        if self.lease is not None:
            self.lease.release()


def prepare(say: Say) -> None:
    """Does what takes long, and only once: Debian's packages and the image. Raises HostsError."""
    with _locked():
        _prepare(say)
        _leave(_podman())


def labs() -> list[Lab]:
    """All labs of this machine, that of people first."""
    numbers = sorted(int(folder.name) for folder in LABS.iterdir()) if LABS.is_dir() else []
    return [Lab.load(number) for number in numbers if (LABS / str(number) / "lab.json").exists()]


def _prepare(say: Say) -> str:
    reason = machine.left_out()
    if reason is not None:
        raise HostsError(reason)
    machine.install(say)
    podman = _podman()
    podman.configure()
    return ensure_image(podman, datetime.now(UTC).date(), say)


def _sweep() -> None:
    """Takes away what is left of labs whose process is gone, and hosts that belong to no lab."""
    for lab in labs():
        lease = Lease.take(lab.folder / "lease") if lab.number != BY_HAND else None
        if lease is not None:
            lab._remove()
            lease.release()
    known = {lab.number for lab in labs()}
    for folder in LABS.iterdir() if LABS.is_dir() else ():
        if int(folder.name) not in known:
            shutil.rmtree(folder)  # its maker died before it had written what it is
    _remove_containers(_podman(), lambda number: number not in known)


def _remove_containers(podman: Podman, of: Callable[[int], bool]) -> None:
    for container in json.loads(podman("ps", "--all", "--format", "json")):
        name = container["Names"][0]
        found = re.fullmatch(r"gate-lab-(\d+)-.*", name)
        if found and of(int(found[1])):
            if container["State"] == "paused":
                podman("unpause", name)  # so that it closes its connections before it goes
            podman("rm", "--force", "--volumes", "--time", "0", name)


def _podman() -> Podman:
    return Podman(machine.cache() / "store")


def _leave(podman: Podman) -> None:
    if not labs():
        machine.release_cgroups()
        podman.tidy()


@contextmanager
def _locked() -> Iterator[None]:
    """One at a time on this machine: packages, image, numbers and the last one's leaving."""
    RUN.mkdir(mode=0o700, parents=True, exist_ok=True)
    lease = Lease.take(RUN / "lock", wait=True)
    try:
        yield
    finally:
        if lease is not None:
            lease.release()
