"""Who is at work: a locked file that the kernel unlocks when its owner dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gate.values.canonical import canonical

MOST_BYTES = 4096  # of a signature


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: its id, when it was started in the kernel's ticks since the boot, and in which boot."""

    pid: int
    started: int
    boot: str


class Lease:
    """An exclusive lock on a file, held until `release` or the end of the process. Children do not inherit it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> Lease | None:
        """The lease on `path`, or None if somebody else has it."""
        lease = cls(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        try:
            fcntl.flock(lease._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lease.release()
            return None
        return lease

    @classmethod
    @contextmanager
    def turn(cls, path: Path) -> Iterator[Lease]:
        """Waits until nobody else has the lease on `path`, and holds it while in the block."""
        lease = cls(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        try:
            fcntl.flock(lease._descriptor, fcntl.LOCK_EX)
            yield lease
        finally:
            lease.release()

    def sign(self) -> None:
        """Writes who holds it into the file: process, its start, and this boot of the machine."""
        owner = {"pid": os.getpid(), "started": _start_time(), "boot": boot_id()}
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, canonical(owner).encode())
        os.fsync(self._descriptor)

    def owner(self) -> Owner | None:
        """Who signed it last; None if nobody did, or nothing that makes sense."""
        try:
            plain = json.loads(os.pread(self._descriptor, MOST_BYTES, 0))
            pid, started, boot = plain["pid"], plain["started"], plain["boot"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        known = type(pid) is int and type(started) is int and type(boot) is str
        return Owner(pid, started, boot) if known else None

    def release(self) -> None:
        """Gives it back."""
        os.close(self._descriptor)


def _start_time() -> int:
    return int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])


def boot_id() -> str:
    """Which boot of the machine this is."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
