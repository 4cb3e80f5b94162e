"""Local connections inside the warm Ansible: their modules go to the warm server of the host's interpreter.

Only the one command that a pipelined module is passes; all else (become, an environment, raw, files) goes the way that
it always went. Where no server runs for the interpreter, the wish for one is left in the servers' folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import selectors
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gate.execution.warm.forkserver import ask

Answer = tuple[int, bytes, bytes]
_MODULE = re.compile(r"/bin/sh -c '(/[\w./+-]*/python[0-9.]*) && sleep 0'")
KILLED = -9


def socket_of(folder: Path, interpreter: str) -> Path:
    """Where the server for the modules of this interpreter listens."""
    return folder / f"modules-{hashlib.sha256(interpreter.encode()).hexdigest()[:16]}"


def wishes(folder: Path) -> list[str]:
    """The interpreters for which a server was missed."""
    found = []
    for wish in folder.glob("modules-*.wanted"):
        with contextlib.suppress(OSError):
            found.append(wish.read_text())
            wish.unlink()
    return found


def use_warm_modules(folder: Path) -> None:
    """From now on, in this process, modules on local connections are run by the servers in `folder`."""
    from ansible.plugins.connection import local

    plain: Callable[..., Answer] = local.Connection.exec_command

    def exec_command(self: Any, cmd: str, in_data: bytes | None = None, *more: Any, **named: Any) -> Answer:
        module = _MODULE.fullmatch(cmd) if in_data is not None and isinstance(cmd, str) else None
        if module is not None and in_data is not None:
            with contextlib.suppress(ConnectionError, FileNotFoundError):
                return run_module(folder, module[1], in_data, self.cwd or os.getcwd())
        return plain(self, cmd, in_data, *more, **named)

    local.Connection.exec_command = exec_command


def run_module(folder: Path, interpreter: str, script: bytes, cwd: str) -> Answer:
    """Runs a module's script: exit code, output, errors.

    Raises:
        ConnectionError, FileNotFoundError: no server takes it; nothing was run.
    """
    server = socket_of(folder, interpreter)
    if not server.exists():
        _wish(server, interpreter)
        raise FileNotFoundError(server)
    with os.fdopen(os.memfd_create("module"), "w+b") as script_file, contextlib.ExitStack() as ends:
        script_file.write(script)
        script_file.seek(0)
        out, out_end = os.pipe()
        errors, errors_end = os.pipe()
        for file in (out, errors):
            ends.callback(os.close, file)
        try:
            files = (script_file.fileno(), out_end, errors_end)
            line = ask(str(server), cwd, [interpreter], dict(os.environ), files)
        finally:
            os.close(out_end)
            os.close(errors_end)
        with line:
            said, complained = _read(out, errors)
            code = line.recv(1)
    return (code[0] if code else KILLED), said, complained


def _wish(server: Path, interpreter: str) -> None:
    with contextlib.suppress(OSError):  # it is about speed alone
        server.with_name(server.name + ".wanted").write_text(interpreter)


def _read(out: int, errors: int) -> tuple[bytes, bytes]:
    parts: dict[int, list[bytes]] = {out: [], errors: []}
    with selectors.DefaultSelector() as select:
        for file in (out, errors):
            select.register(file, selectors.EVENT_READ)
        while select.get_map():
            for key, _ in select.select():
                part = os.read(key.fd, 1 << 16)
                if part:
                    parts[key.fd].append(part)
                else:
                    select.unregister(key.fd)
    return b"".join(parts[out]), b"".join(parts[errors])
