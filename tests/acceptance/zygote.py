"""The command `gate` without the second that it takes to import: a process that has imported it, and forks.

What is forked has a folder, an environment and standard files of its own, and runs the command's own entry point.
Its runs are forked from warm servers as those of `gate serve` are, unless somebody says `warm=False`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gate.assembly import OpenSite
from gate.execution.warm.pool import Pool
from gate.inventory import read
from tests.inventories import remembering

MOST_BYTES = 1 << 20
MOST_FORKS = 100_000  # servers that retire would have to be started anew by the parent, which waits for wishes
READY_S = 60.0
ROOT = Path(__file__).parents[2]
IMPORTED = (
    "dbos",
    "gate.app",
    "gate.cli.main",
    "gate.cli.tell",
    "gate.dispatch.dispatcher",
    "gate.flow.jobs",
    "gate.doctor",
    "gate.execution.executor",
)


class Zygote:
    """Starts `gate` by forking; ends when it is closed, or when whoever started it is gone."""

    def __init__(self, folder: Path, inventories: Path) -> None:
        """The warm servers have `folder`; `inventories` is where readings of them are kept."""
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    "from tests.acceptance.zygote import serve; serve()",
                    str(theirs.fileno()),
                    folder,
                    inventories,
                ],
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
            )
        self._line = own

    def close(self) -> None:
        self._line.close()
        self._process.wait(30)

    def run(
        self,
        words: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdin: str,
        timeout_s: float,
        warm: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run(["gate", *words], capture_output=True, text=True)` does it."""
        wish = json.dumps({"words": list(words), "cwd": str(cwd), "env": dict(env), "warm": warm}).encode()
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
            files[0].write(stdin.encode())
            files[0].seek(0)
            told, tells = os.pipe()
            stack.callback(os.close, told)
            try:
                socket.send_fds(self._line, [wish], [*(file.fileno() for file in files), tells])
            finally:
                os.close(tells)
            code = _outcome(told, words, timeout_s)
            for file in files:
                file.seek(0)
            out, err = (file.read().decode() for file in files[1:])
        return subprocess.CompletedProcess(["gate", *words], code, out, err)


def _outcome(told: int, words: Sequence[str], timeout_s: float) -> int:
    """The exit code; -N where signal N ended it. Its pid comes first."""
    pid = int.from_bytes(os.read(told, 4), sys.byteorder)
    ready, _, _ = select.select([told], [], [], timeout_s)
    if not ready:
        os.kill(pid, signal.SIGKILL)
        raise subprocess.TimeoutExpired(["gate", *words], timeout_s)
    return int.from_bytes(os.read(told, 4), sys.byteorder, signed=True)


def serve() -> None:
    """The process that forks."""
    for name in IMPORTED:
        importlib.import_module(name)
    read.read_in_child = remembering(Path(sys.argv[3]))
    pool = Pool(Path(sys.argv[2]), Path(sys.argv[2]) / "ansible.cfg", forks=MOST_FORKS)
    pool.start()
    if not pool.ready(READY_S):
        raise SystemExit("the warm servers are not there")
    gc.freeze()  # what a fork does not look through, it does not copy
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = socket.socket(fileno=int(sys.argv[1]))
    while True:
        wish, files, _, _ = socket.recv_fds(line, MOST_BYTES, 4)
        if not wish:
            break
        if os.fork() == 0:
            line.close()
            _look_after(json.loads(wish), files, pool)
        for file in files:
            os.close(file)
    pool.close()


def _look_after(wish: dict[str, Any], files: list[int], pool: Pool) -> None:
    """Forks the command, and tells of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.close(files[3])
        if wish["warm"]:
            _lend(pool)
        _become(wish, files)
    os.write(files[3], pid.to_bytes(4, sys.byteorder))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(files[3], code.to_bytes(4, sys.byteorder, signed=True))
    os._exit(0)


def _lend(pool: Pool) -> None:
    """Whatever site this fork opens has these servers, which are not its children: it must not look after them."""
    pool._servers.clear()
    pool._tend = lambda: None  # type: ignore[method-assign]
    plain = OpenSite.__init__

    def init(self: OpenSite, *given: Any, **named: Any) -> None:
        plain(self, *given, **{**named, "warm": True, "lent": pool})

    OpenSite.__init__ = init  # type: ignore[method-assign]


def _become(wish: dict[str, Any], files: list[int]) -> NoReturn:
    """It ends as any Python does, but for taking everything to pieces, which takes a second in a fork."""
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
        os.close(file)
    os.chdir(wish["cwd"])
    os.environ.clear()
    os.environ.update(wish["env"])
    sys.argv = ["gate", *wish["words"]]
    random.seed()
    code: Any = 0
    try:
        importlib.import_module("gate.__main__").main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as Python itself does
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
