"""The program that ansible-runner finds as ansible-playbook: it has the warm server do it, or does it cold.

It is written into the servers' folder with the paths filled in, and run as `python -IS`: it imports next to nothing.
A fork that was killed kills its client in the same way, so that ansible-runner sees what it would have seen.
"""

from __future__ import annotations

import shlex
import stat
import sys
from pathlib import Path

NAME = "ansible-playbook"
LONGEST = 127  # of a first line that every Linux takes whole
_TEXT = """\
{first}
import _signal
import _socket
import os
import sys

SERVER, REAL = {server!r}, {real!r}


def cold(why):
    note = os.environ.get("GATE_COLD_NOTE")
    if note:
        with open(note, "w") as file:
            file.write(why + "\\n")
    os.execv(REAL[0], [*REAL, *sys.argv[1:]])


def ask():
    pairs = [name + b"=" + value for name, value in os.environb.items()]
    argv = [os.fsencode(part) for part in sys.argv]
    body = b"\\0".join([os.fsencode(os.getcwd()), str(len(argv)).encode(), *argv, *pairs])
    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    folder = os.open(os.path.dirname(SERVER), os.O_PATH | os.O_DIRECTORY)
    line.connect("/proc/self/fd/%d/%s" % (folder, os.path.basename(SERVER)))
    os.close(folder)
    files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    line.sendmsg([len(body).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    line.sendall(body)
    return line


try:
    line = ask()
    said = line.recv(1)
except OSError as wrong:
    cold("no warm Ansible answers: %s" % wrong.strerror)
if said != b"+":
    cold(line.recv(200).decode(errors="replace") if said else "the warm Ansible is gone")


def forward(number, _):
    line.send(bytes([number]))


for number in (_signal.SIGTERM, _signal.SIGINT):
    _signal.signal(number, forward)
code = line.recv(1)
if not code:
    os.kill(os.getpid(), _signal.SIGKILL)
os._exit(code[0])
"""


def write_client(folder: Path, server: Path) -> Path:
    """Writes the client for `server` into `folder`, which is to be first in the PATH of ansible-runner."""
    real = [sys.executable, str(Path(sys.executable).parent / NAME)]
    client = folder / NAME
    client.write_text(_TEXT.format(first=_first_line(sys.executable), server=str(server), real=real))
    client.chmod(stat.S_IRWXU)
    return client


def _first_line(python: str) -> str:
    """What has the kernel start it; where it cannot name our Python, a shell does, for which Python sees a text."""
    plain = f"#!{python} -IS"
    if len(plain.encode()) <= LONGEST and python.split() == [python]:
        return plain
    return f"#!/bin/sh\n'''exec' {shlex.quote(python)} -IS \"$0\" \"$@\"\n' '''"
