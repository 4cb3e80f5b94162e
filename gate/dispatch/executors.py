"""Which executors live: each holds a locked file, and the kernel unlocks it when the process dies."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from uuid import uuid4

from gate.values.errors import StateError
from gate.values.lease import Lease


class Executors:
    """The folder of lock files of all executors of a site, and this process's own id in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        host = "".join(c if c.isalnum() or c == "-" else "-" for c in socket.gethostname())[:40]
        self.own_id = f"{host}.{os.getpid()}.{uuid4().hex[:8]}"
        lease = Lease.take(folder / self.own_id)
        if lease is None:  # a new random name that is taken: something else is very wrong
            raise StateError("This executor has no name of its own.", f"{self.own_id} is taken.", "Start it again.")
        self._lease = lease

    def is_alive(self, executor_id: str) -> bool:
        """Whether the process of this id still runs."""
        if executor_id == self.own_id:
            return True
        path = self._folder / executor_id
        if not path.exists():
            return False
        lease = Lease.take(path)
        if lease is None:
            return True
        path.unlink(missing_ok=True)
        lease.release()
        return False

    def close(self) -> None:
        """Ends this process's claim to be alive."""
        (self._folder / self.own_id).unlink(missing_ok=True)
        self._lease.release()
