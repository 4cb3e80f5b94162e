"""Many SSH endpoints in one process, without root: for fan-out and for hosts that do not answer.

What they run they run on this machine, as this user; only the home folder is their own. So they show how the gate deals
with many connections, and never that an action does what it says: that takes a real host.

`python -m tests.hosts.fleet FOLDER COUNT SILENT` serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncssh

from tests.hosts.keys import Key

ROOT = Path(__file__).parents[2]
READY_S = 60.0
_CHUNK = 65536


class Fleet:
    """A context manager; `folder` must be empty. Endpoints are fleet-001 and so on, each with an address of its own.

    The last `closed` refuse connections, the `silent` before them take one and say nothing.
    """

    def __init__(self, folder: Path, count: int, *, silent: int = 0, closed: int = 0) -> None:
        self.folder, self.silent, self.closed = folder, silent, closed
        self.names = [f"fleet-{place:03}" for place in range(1, count + 1)]
        self.inventory: dict[str, Any] = {}

    @property
    def answering(self) -> list[str]:
        """The names of those that do what they are told."""
        return self.names[: len(self.names) - self.silent - self.closed]

    def __enter__(self) -> Self:
        key, login = Key.make(), Key.make()
        login.write(self.folder / "id")
        key.write(self.folder / "host_key")
        (self.folder / "id.pub").write_bytes(login.public)
        listening = len(self.names) - self.closed
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.hosts.fleet", str(self.folder), str(listening), str(self.silent)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        if not line:
            self.__exit__(None, None, None)
            raise OSError("The fleet did not come up. Its own words are above. Look at tests/hosts/fleet.py.")
        ports = json.loads(line)
        with contextlib.ExitStack() as nobody:
            ports += [
                nobody.enter_context(_bound(address(n))).getsockname()[1] for n in range(listening, len(self.names))
            ]
        self._tell(key, ports)
        return self

    @property
    def group(self) -> int:
        """The process group of the server and of all that it runs."""
        return self._server.pid

    def _tell(self, key: Key, ports: list[int]) -> None:
        places = [(address(n), port) for n, port in enumerate(ports)]
        known = [f"[{where}]:{port} {key.public.decode()}" for where, port in places]
        (self.folder / "known_hosts").write_text("".join(known))
        hosts = {
            name: {"ansible_host": where, "ansible_port": port}
            for name, (where, port) in zip(self.names, places, strict=True)
        }
        common = {
            "ansible_user": "fleet",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_remote_tmp": "$HOME/.ansible/tmp",  # ~ would become the home of a user `fleet`
            "ansible_ssh_private_key_file": str(self.folder / "id"),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self.folder}/known_hosts -o IdentitiesOnly=yes",
        }
        self.inventory = {"all": {"vars": common, "children": {"web": {"hosts": hosts}}}}

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        self._server.communicate()


def address(place: int) -> str:
    """The loopback address of an endpoint; Linux answers on all of 127.0.0.0/8."""
    return f"127.1.{place // 250}.{place % 250 + 1}"


def _bound(where: str) -> socket.socket:
    """A socket that holds a port without listening: connections to it are refused, also when it is closed."""
    held = socket.socket()
    held.bind((where, 0))
    return held


async def serve(folder: Path, count: int, silent: int) -> None:
    """Listens on `count` addresses, prints their ports as JSON, and goes on until standard input ends."""
    options = asyncssh.SSHServerConnectionOptions(
        server_host_keys=[str(folder / "host_key")],
        authorized_client_keys=str(folder / "id.pub"),
        process_factory=_run,
        encoding=None,
        sftp_factory=True,
    )
    ports = []
    for place in range(count):
        where = address(place)
        (folder / "homes" / where).mkdir(parents=True)
        if place >= count - silent:
            server = await asyncio.start_server(_say_nothing, where, 0)
            ports.append(server.sockets[0].getsockname()[1])
        else:
            ports.append((await asyncssh.listen(where, 0, options=options, backlog=100)).get_port())
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)


async def _say_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _run(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Runs one command. asyncssh's own redirection loses an exit status now and then, so bytes are carried here."""
    home = str(Path.cwd() / "homes" / process.get_extra_info("sockname")[0])
    child = await asyncio.create_subprocess_shell(
        process.command or "/bin/sh",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=home,
        env={"HOME": home, "PATH": os.defpath, "USER": "fleet", "SHELL": "/bin/sh", "LANG": "C.UTF-8"},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    feeding = asyncio.create_task(_feed(process, child.stdin))
    await asyncio.gather(_carry(child.stdout, process.stdout), _carry(child.stderr, process.stderr))
    code = await child.wait()
    feeding.cancel()
    process.exit(code)


async def _feed(process: asyncssh.SSHServerProcess[bytes], into: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):  # either end may go first
        while chunk := await process.stdin.read(_CHUNK):
            into.write(chunk)
            await into.drain()
        into.close()


async def _carry(source: asyncio.StreamReader, into: asyncssh.SSHWriter[bytes]) -> None:
    with contextlib.suppress(asyncssh.Error, OSError):
        while chunk := await source.read(_CHUNK):
            into.write(chunk)
            await into.drain()


if __name__ == "__main__":
    here, number, mute = sys.argv[1:]
    os.chdir(here)
    asyncio.run(serve(Path(here), int(number), int(mute)))
