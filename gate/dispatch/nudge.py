"""A word from one process to the one that serves: "look again". It carries nothing, so it can do no harm."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from gate.values.lease import Lease

log = logging.getLogger(__name__)

SOCKET = "nudge.sock"
LOCK = "serving.lock"


def serving(state: Path) -> bool:
    """Whether a gate serves this site, so that others leave the work to it."""
    lease = Lease.take(state / LOCK)
    if lease is not None:
        lease.release()
    return lease is None


def nudge(state: Path) -> None:
    """Tells the serving gate to look for work now. If it is not there, nothing happens."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(0)
        line.sendto(b"!", str(state / SOCKET))


class Listener:
    """Calls `wake` whenever somebody nudges, until `close`."""

    def __init__(self, state: Path, wake: Callable[[], None]) -> None:
        self._path = state / SOCKET
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        self._path.chmod(0o600)
        self._wake = wake
        self._thread = Thread(target=self._listen, name="gate-nudge", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while self._socket.recv(1) == b"!":
            try:
                self._wake()
            except Exception:  # the next word may find the database well again; the sweep looks too
                log.exception("looking for work failed")

    def close(self) -> None:
        """Stops listening."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(b".", str(self._path))
        self._thread.join()
        self._socket.close()
        self._path.unlink(missing_ok=True)
