"""The control groups of the hosts, on machines with version 1, version 2 or both."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.hosts.machine import RUN, run, unmount

PARENT = "ansible-gate-hosts"  # the group that holds those of all hosts
_NESTED = "libpod_parent"  # podman on a privileged host puts its containers here, beside the host and not below it
_OF_VERSION_2 = {"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"}
_UNIFIED = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
_SETTLE_S = 0.2  # the kernel ends a group a moment after it was removed
_CLAIM, _VIEW = RUN / "cgroup", RUN / "hierarchy"


def claim() -> None:
    """Lets crun run where there are both versions: it refuses while version 2 has any controller.

    To mount them as version 1, anywhere, takes them away from version 2; `release` gives them back. That takes the
    kernel a moment, so what version 2 has just now says nothing: whatever it could have is taken.
    """
    if _UNIFIED[0].is_dir() and not _CLAIM.is_mount() and (controllers := _unclaimed()):
        _CLAIM.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", "cgroup", "-o", ",".join(controllers), "none", str(_CLAIM))


def _unclaimed() -> list[str]:
    """The controllers of version 2 that no hierarchy of version 1 has."""
    here = {line.split()[0] for line in Path("/proc/cgroups").read_text().splitlines()}
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    taken = {option for mount in mounts if mount[2] == "cgroup" for option in mount[3].split(",")}
    return sorted((here & _OF_VERSION_2) - taken)


def favour() -> None:
    """Lets the hosts have the processors whenever they want them, as machines would that have processors of their own.

    Otherwise all of them together get what one busy process of this machine gets.
    """
    for hierarchy in (*_UNIFIED, Path("/sys/fs/cgroup/cpu")):
        for file, most in (("cpu.weight", "10000"), ("cpu.shares", "262144")):
            for group in (PARENT, _NESTED):
                with contextlib.suppress(OSError):  # it is a hierarchy of the other version, or has no processors
                    (hierarchy / group / file).write_text(most)


def release() -> None:
    """Undoes `claim`, and removes the empty groups that hosts left."""
    unmount(_CLAIM)
    if _remove_everywhere():
        time.sleep(_SETTLE_S)
        _remove_everywhere()


def _remove_everywhere() -> int:
    """Looks into every hierarchy, and lets it go: one that nobody has mounted ends then, if it was empty already."""
    removed = sum(map(_remove_empty, _UNIFIED))
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        controllers = line.split(":")[1]
        if controllers:
            with _mounted(controllers) as hierarchy:
                removed += _remove_empty(hierarchy)
    return removed


@contextmanager
def _mounted(controllers: str) -> Iterator[Path]:
    """A view of a hierarchy of version 1: a privileged host's systemd mounts those that this machine has not."""
    _VIEW.mkdir(parents=True, exist_ok=True)
    which = f"none,{controllers}" if controllers.startswith("name=") else controllers
    run("mount", "-t", "cgroup", "-o", which, "none", str(_VIEW))
    try:
        yield _VIEW
    finally:
        unmount(_VIEW)


def _remove_empty(hierarchy: Path) -> int:
    removed = 0
    for name in (PARENT, _NESTED):
        folders = [path for path in (hierarchy / name).rglob("*") if path.is_dir()]
        for folder in (*sorted(folders, reverse=True), hierarchy / name):
            with contextlib.suppress(OSError):  # not there, or at work for somebody else
                folder.rmdir()
                removed += 1
    return removed
