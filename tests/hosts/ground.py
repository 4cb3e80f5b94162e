"""What the labs of this machine share: a lock, packages and image, and the cleaning up after labs that are over."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gate.values.lease import Lease
from tests.hosts import cgroups, machine
from tests.hosts.apps import ensure_apps
from tests.hosts.image import ensure_image
from tests.hosts.machine import RUN, HostsError, Say
from tests.hosts.podman import Podman

LABS = RUN / "labs"
BY_HAND = 0
MOST_LABS = 200  # of processes; the numbers above are left to people
LEASE, LAB = "lease", "lab.json"  # in a lab's folder; without a lease it stays until it is taken down


def own_podman() -> Podman:
    """The podman whose store is in this user's cache."""
    return Podman(machine.cache() / "store")


def lab_name(number: int) -> str:
    """What a lab's network is called, and its containers begin with."""
    return f"gate-lab-{number}"


@contextmanager
def locked() -> Iterator[None]:
    """One at a time on this machine: packages, image, numbers and the last one's leaving."""
    RUN.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Lease.turn(RUN / "lock"):
        yield


def prepare(say: Say) -> tuple[str, Path]:
    """Installs what is missing and makes the image, which takes long but once. Wants the lock.

    Returns its name, and the store with the images that hosts can run themselves.

    Raises:
        HostsError: hosts cannot be had here, or something failed.
    """
    reason = machine.left_out()
    if reason is not None:
        raise HostsError(reason)
    machine.install(say)
    podman = own_podman()
    podman.configure()
    image = ensure_image(podman, datetime.now(UTC).date(), say)
    return image, ensure_apps(podman, image)


def numbers() -> list[int]:
    """The numbers of all labs of this machine."""
    found = LABS.iterdir() if LABS.is_dir() else ()
    return sorted(int(folder.name) for folder in found if (folder / LAB).exists())


def podman_of(number: int) -> Podman:
    """The podman that a lab was made with."""
    return Podman(Path(json.loads((LABS / str(number) / LAB).read_text())["store"]))


def sweep() -> None:
    """Takes away what is left of labs whose process is gone, and hosts that belong to no lab. Wants the lock."""
    own_podman().configure()
    for number in numbers():
        path = LABS / str(number) / LEASE
        lease = Lease.take(path) if path.exists() else None
        if lease is not None:
            remove(podman_of(number), number)
            lease.release()
    known = numbers()
    for folder in LABS.iterdir() if LABS.is_dir() else ():
        if int(folder.name) not in known:
            shutil.rmtree(folder)  # its maker died before it had written what it is
    _remove_containers(own_podman(), lambda number: number not in known)


def remove(podman: Podman, number: int) -> None:
    """Takes away the hosts of a lab, its network and its folder. Wants the lock."""
    _remove_containers(podman, lambda its: its == number)
    if lab_name(number) in podman.lines("network", "ls", "--format", "{{.Name}}"):
        podman("network", "rm", lab_name(number))
    shutil.rmtree(LABS / str(number))


def leave(podman: Podman) -> None:
    """When no lab is left that anybody wants: gives back what the hosts needed of this machine. Wants the lock."""
    sweep()
    if not numbers():
        podman.tidy()
        cgroups.release()


def _remove_containers(podman: Podman, of: Callable[[int], bool]) -> None:
    for container in json.loads(podman("ps", "--all", "--format", "json")):
        name = container["Names"][0]
        found = re.fullmatch(rf"{lab_name(0)[:-1]}(\d+)-.*", name)
        if found and of(int(found[1])):
            if container["State"] == "paused":
                podman("unpause", name)  # so that it closes its connections before it goes
            podman("rm", "--force", "--volumes", "--time", "0", name)
