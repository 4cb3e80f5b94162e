"""The gate's side of the warm servers: starts them, replaces those that retired or died, ends them with the gate."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import ansible.release  # tiny: it says where Ansible lies, and which it is

from gate.execution.boundaries import told
from gate.execution.environment import worker_environment
from gate.execution.settings import RunSettings
from gate.execution.warm.forkserver import ask
from gate.execution.warm.local import socket_of, wishes
from gate.values.lease import Lease

log = logging.getLogger(__name__)

NONE = RunSettings()
ENV = "GATE_WARM"  # tells a worker where the servers are
INTERPRETERS = 4  # for which modules are kept warm, at most
STARTS, WITHIN_S = 5, 60.0  # of one server: one that dies faster is left alone for a while


@dataclass
class _Server:
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)


class Pool:
    """The warm servers of one gate, in a folder of their own below `state`/warm. Safe to use from several threads."""

    def __init__(self, state: Path, config: Path, settings: RunSettings = NONE, *, forks: int = 1000) -> None:
        """`config` is the site's ansible.cfg, or where it would be: a server's configuration is frozen by it.

        `settings` are those of the site's runs. After so many `forks` a server is replaced.
        """
        self.folder = state / "warm" / f"{os.getpid()}-{time.monotonic_ns():x}"
        self._config, self._forks, self._settings = config, forks, settings
        self._servers: dict[str, _Server] = {}
        self._lock = threading.Lock()
        self._lease: Lease | None = None

    def start(self) -> None:
        """Starts the servers; returns at once. Until one is ready, runs start cold."""
        _sweep(self.folder.parent)
        self.folder.mkdir(mode=0o700, parents=True)
        self._lease = Lease.take(self.folder / "lease")
        module = (sys.executable, "-P", "-m")
        self._add("workers", (*module, "gate.execution.warm.workers", str(self.folder / "workers"), str(self._forks)))
        playbooks = (str(self.folder / "playbooks"), str(self._config), str(self._forks))
        self._add("playbooks", (*module, "gate.execution.warm.frozen", *playbooks))
        self._add_modules(sys.executable)

    def worker(self, folder: Path, errors: IO[bytes], secrets: Mapping[str, str]) -> IO[bytes] | None:
        """Has a worker forked for the run in `folder`; returns its output. None: nobody was there, nothing was run.

        `secrets` are added to its environment; they reach it over a socket, and no server ever has them in its own.
        """
        with self._lock:
            self._tend()
        here, out = os.pipe()
        with open(os.devnull, "rb") as nothing, os.fdopen(out, "wb") as output:
            environment = {**self.environment(), **secrets}
            files = (nothing.fileno(), output.fileno(), errors.fileno())
            try:
                line = ask(str(self.folder / "workers"), str(folder), ["worker", str(folder)], environment, files)
            except OSError as missing:
                log.info("a worker starts cold: %s", missing)
                os.close(here)
                return None
        line.close()  # it is the worker's own affair now
        return os.fdopen(here, "rb")

    def environment(self) -> Mapping[str, str]:
        """What a worker gets."""
        return worker_environment(os.environ) | {ENV: str(self.folder)}

    def ready(self, timeout_s: float) -> bool:
        """Waits until the servers that were started answer; False if one does not in time."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if all((self.folder / name).exists() for name in self._servers):
                return True
            time.sleep(0.02)
        return False

    def close(self) -> None:
        """Has the servers end, after what they are at."""
        with self._lock:
            for server in self._servers.values():
                if server.process is not None and server.process.stdin is not None:
                    server.process.stdin.close()
            for server in self._servers.values():
                if server.process is not None:
                    server.process.wait()
            self._servers.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def _add(self, name: str, command: Sequence[str]) -> None:
        self._servers[name] = _Server(command)
        self._run(name)

    def _add_modules(self, interpreter: str) -> None:
        socket = socket_of(self.folder, interpreter)
        library = Path(ansible.release.__file__).parent
        script = Path(__file__).with_name("modules.py")
        self._add(socket.name, (interpreter, str(script), str(socket), str(library), str(self._forks)))

    def _tend(self) -> None:
        for interpreter in wishes(self.folder):
            name = socket_of(self.folder, interpreter).name
            if name not in self._servers and len(self._servers) < INTERPRETERS + 2:
                self._add_modules(interpreter)
        for name, server in self._servers.items():
            if server.process is None or server.process.poll() is not None:
                self._run(name)

    def _run(self, name: str) -> None:
        server, now = self._servers[name], time.monotonic()
        server.starts = [start for start in server.starts if now - start < WITHIN_S]
        if server.process is not None and server.process.stdin is not None:
            server.process.stdin.close()
        server.process = None
        if len(server.starts) >= STARTS:
            log.error("the warm server %s does not stay: see %s.log", name, self.folder / name)
            return
        server.starts.append(now)
        (self.folder / name).unlink(missing_ok=True)
        words = os.open(self.folder / f"{name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(words, "ab"), contextlib.suppress(OSError):
            server.process = subprocess.Popen(
                server.command,
                stdin=subprocess.PIPE,  # it ends when this does
                stdout=subprocess.DEVNULL,
                stderr=words,
                cwd=self.folder,
                env=self._environment_of_a_server(),
                umask=0o077,
                start_new_session=True,
            )

    def _environment_of_a_server(self) -> dict[str, str]:
        held = told(may_gain=self._settings.may_gain, limits=self._settings.limits)
        return {**worker_environment(os.environ), **self._settings.environment, **held}


def _sweep(folder: Path) -> None:
    """Takes away what gates that were killed left behind."""
    for left in folder.glob("*/lease"):
        lease = Lease.take(left)
        if lease is not None:
            shutil.rmtree(left.parent, ignore_errors=True)
            lease.release()
