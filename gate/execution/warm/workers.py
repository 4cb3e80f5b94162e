"""Forks the worker of a run: `python -m gate.execution.warm.workers SOCKET FORKS`. ansible-runner is imported already.

A worker outlives the one who asked for it: the gate may die, the run goes on and its result waits in its folder.
"""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime
from pathlib import Path

import gate.execution.runner  # noqa: F401 - for the forks
from gate.execution.boundaries import hold_as_told
from gate.execution.warm.forkserver import ForkServer
from gate.execution.warm.freshness import installed
from gate.execution.worker import main
from gate.inventory.digest import inventory_digest
from gate.values.clock import from_stamp, stamp
from gate.values.errors import GateError
from gate.values.keys import public_key

NONE = ""  # a worker reads no ansible.cfg


def use_once(state: Path) -> None:
    """Uses what is slow the first time in a process, so that it is the first time in none of the forks."""
    from_stamp(stamp(datetime.now(UTC)))
    inventory_digest(Path(__file__))  # any file will do: it asks for the version of Ansible
    with contextlib.suppress(GateError):
        public_key(state / "keys", "warrant")


def serve(path: str, forks: str) -> None:
    """Serves until the gate is gone and the last worker has ended."""
    seen = installed(NONE)
    use_once(Path(path).parents[2])
    ForkServer(path, become=main, abandoned=None, stale=lambda: installed(NONE) != seen, most=int(forks)).serve()


if __name__ == "__main__":
    hold_as_told()
    serve(*sys.argv[1:3])
