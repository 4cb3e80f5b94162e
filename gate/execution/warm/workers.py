"""Forks the worker of a run: `python -m gate.execution.warm.workers SOCKET FORKS`. ansible-runner is imported already.

A worker outlives the one who asked for it: the gate may die, the run goes on and its result waits in its folder.
"""

from __future__ import annotations

import sys

import gate.execution.runner  # noqa: F401 - for the forks
from gate.execution.boundaries import hold_as_told
from gate.execution.warm.forkserver import ForkServer
from gate.execution.worker import main


def serve(path: str, forks: str) -> None:
    """Serves until the gate is gone and the last worker has ended."""
    ForkServer(path, become=main, abandoned=None, most=int(forks)).serve()


if __name__ == "__main__":
    hold_as_told()
    serve(*sys.argv[1:3])
