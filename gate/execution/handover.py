"""Variables that must never be on a disk reach Ansible through a pipe with a name: read once, then gone."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gate.warrant.model import Phase

PIPE = "handed"
POLL_S = 0.01


def command_line(phase: Phase, private: Path) -> str:
    """What ansible-playbook is told beside inventory, hosts and playbook."""
    words = ["--check", "--diff", "-v"] if phase.only_looks else ["--diff"]  # -v: why a task was skipped
    if (private / PIPE).exists():
        words += ["-e", f"@{private / PIPE}"]
    return shlex.join(words)


@contextlib.contextmanager
def handing_over(private: Path, variables: Mapping[str, Any]) -> Iterator[None]:
    """Holds `variables` ready for whoever opens the pipe first, until the block is left. Without any: nothing."""
    if not variables:
        yield
        return
    pipe = private / PIPE
    os.mkfifo(pipe, 0o600)
    writer = threading.Thread(target=_write, args=(pipe, json.dumps(dict(variables))), daemon=True)
    writer.start()
    try:
        yield
    finally:
        _let_go(pipe, writer)
        pipe.unlink()


def _let_go(pipe: Path, writer: threading.Thread) -> None:
    # if nobody came for it the writer still waits for a reader
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    while writer.is_alive():
        with contextlib.suppress(BlockingIOError):
            os.read(reader, 65536)
        writer.join(POLL_S)
    os.close(reader)


def _write(pipe: Path, text: str) -> None:
    with contextlib.suppress(BrokenPipeError), pipe.open("w") as file:
        file.write(text)
