"""The processes of a site, by the part that they play, and what is done to them."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.conftest import Site

SERVERS = ("workers", "playbooks", "modules")
ROLES = ("gate", "policy", *SERVERS, "worker", "client", "ansible", "task", "module")
ANY = "any"  # of those that are there, whichever
ALL = "all"  # at once, as when the machine loses its power
_PLAYBOOK, _WARM = b"ansible-playbook", b"gate.execution.warm.playbooks"


@dataclass(frozen=True)
class Process:
    """A process of a site. `run` is the run that it works for; None: it serves all of them."""

    pid: int
    role: str
    run: str | None

    def __str__(self) -> str:
        return f"{self.role}:{self.pid}"

    def strike(self, deed: str) -> None:
        """`kill`, `group` (all of its process group), `stop` or `continue`; one that is gone is left alone."""
        number = {"stop": signal.SIGSTOP, "continue": signal.SIGCONT}.get(deed, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            if deed == "group":
                os.killpg(os.getpgid(self.pid), number)
            else:
                os.kill(self.pid, number)


def processes(site: Site, gate: int) -> list[Process]:
    """Every living process that works in the site's folder; `gate` is the pid of the one that serves it."""
    return sorted(_processes(site, gate), key=lambda one: one.pid)


def _processes(site: Site, gate: int) -> Iterator[Process]:
    runs, warm = site.state / "runs", site.state / "warm"
    there = dict(_working_folders())
    here = {pid: cwd for pid, cwd in there.items() if cwd.is_relative_to(site.top)}
    for pid, cwd in there.items():
        command, parent = _command(pid), _parent(pid)
        if command is None or parent is None:
            continue  # it ended while we looked
        if pid == gate:
            yield Process(pid, "gate", None)
        elif parent == gate and b"confine.py" in command:
            yield Process(pid, "policy", None)  # it works in no folder of the site
        elif pid not in here:
            continue
        elif cwd.is_relative_to(runs) and cwd != runs:
            above = here.get(parent)
            inside = above is not None and above.is_relative_to(runs) and _is_ansible(_command(parent) or b"")
            run, *deeper = cwd.relative_to(runs).parts
            yield Process(pid, _role_in_run(command, inside=inside, deeper=bool(deeper)), run)
        elif cwd.is_relative_to(warm):
            yield Process(pid, _role_of_server(command), None)
        else:
            yield Process(pid, "other", None)


def _role_in_run(command: bytes, *, inside: bool, deeper: bool) -> str:
    if b"gate.execution.warm.workers" in command or b"gate.execution.worker" in command:
        return "client" if deeper else "worker"  # a fork of the worker; it works in the folder of the playbook
    if _is_ansible(command):
        return "task" if inside else "ansible"
    return "module"


def _is_ansible(command: bytes) -> bool:
    return _WARM in command or _PLAYBOOK in command


def _role_of_server(command: bytes) -> str:
    return next(
        (name for name in SERVERS if f"warm.{name}".encode() in command or f"warm/{name}".encode() in command), "other"
    )


def _working_folders() -> Iterator[tuple[int, Path]]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended, or it is the kernel's
            yield int(entry.name), Path(str((entry / "cwd").readlink()).removesuffix(" (deleted)"))


def _command(pid: int) -> bytes | None:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return None


def _parent(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[1])
