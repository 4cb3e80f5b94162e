"""The parent's end of the engine's process: starts it, asks it, and trusts nothing that it says.

A late answer, no answer, an answer to something else, an unknown rule or a missing canary: the child is killed, the
caller gets an error (and so denies), and the next question goes to a new child. One question at a time: the caller
holds a lock.
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gate.policy.engine.compile import Compiled
from gate.policy.language.rule import Facts
from gate.values.errors import PolicyError

START_S = 10.0  # for a new child to load the rules; about 0.1 on an idle machine
ANSWER_S = 1.0  # for one host; about 0.0001
AWAKE_S = 0.0003 if len(os.sched_getaffinity(0)) > 1 else 0.0  # how long an answer is looked for without sleeping
MOST_BYTES = 1024 * 1024  # of an answer
# isolated: neither the environment nor the current directory can put another module in place
CONFINED = (sys.executable, "-I", "-B", str(Path(__file__).with_name("confine.py")))
COMMAND = (*CONFINED, str(Path(__file__).with_name("driver.py")))


_log = logging.getLogger(__name__)


class EngineError(PolicyError):
    """The engine gave no answer that could be trusted. Whoever asked has to deny."""

    code = "GATE-POLICY-ENGINE"


class Evaluator:
    """The rules that match a fact, from a child process that is replaced after any trouble."""

    def __init__(self, compiled: Compiled, command: tuple[str, ...] = COMMAND) -> None:
        self.command = command
        self.engine = ""  # digest and driver of the engine, once it has been started
        self.door = ""  # how the child says it is locked in: `seccomp`, or only `limits`
        self._compiled = compiled
        self._canaries = {f"c{number}" for number in range(len(compiled.shards))}
        self._child: _Child | None = None
        self._asked = 0

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is no child."""
        return self._child.process.pid if self._child else None

    def fired(self, facts: Facts) -> frozenset[str]:
        """The ids of the rules that match.

        Raises:
            EngineError: for whatever reason there is no answer.
        """
        if self._child is None or self._child.owner != os.getpid():  # after a fork it is the parent's
            self.start()
        said = self._exchange({"fact": self._compiled.fact(facts)}, ANSWER_S).get("fired")
        if not isinstance(said, list) or not all(isinstance(name, str) for name in said):
            raise self._failed("the answer names no rules")
        names = set(said)
        if not names >= self._canaries:
            raise self._failed("a canary rule did not fire, so the facts were not evaluated")
        if unknown := names - self._canaries - self._compiled.ids.keys():
            raise self._failed(f"the unknown rule {min(unknown)!r} fired")
        return frozenset(self._compiled.ids[name] for name in names - self._canaries)

    def start(self) -> None:
        """Starts a child and loads the rules.

        Raises:
            EngineError: it does not start, or it is another engine than before.
        """
        try:
            self._child = _Child(self.command)
        except OSError as wrong:
            raise self._failed(f"its process could not be started ({wrong.strerror})") from None
        said = self._exchange({"load": self._compiled.as_json()}, START_S)
        engine = f"{said.get('engine')} driver {said.get('driver')}"
        if self.engine not in ("", engine):
            raise self._failed("it is another engine than the one that the rules were loaded with")
        self.engine = engine
        if self.door != (door := str(said.get("door"))):
            self.door = door
            if door != "seccomp":
                _log.warning("the rules engine is held by limits alone: this kernel has no filter for it")

    def close(self) -> None:
        """Ends the child, if there is one. A later question starts a new one."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()

    def _exchange(self, message: dict[str, Any], limit_s: float) -> dict[str, Any]:
        self._asked += 1
        child = self._child
        if child is None:
            raise self._failed("there is no process")
        try:
            reply = child.exchange(json.dumps({"n": self._asked, **message}).encode() + b"\n", limit_s)
            said = json.loads(reply.decode())
        except (OSError, ValueError, RecursionError) as wrong:
            raise self._failed(str(wrong) or type(wrong).__name__) from None
        if not isinstance(said, dict) or said.get("n") != self._asked:
            raise self._failed(f"the answer is to something else: {reply[:200]!r}")
        return said

    def _failed(self, why: str) -> EngineError:
        self.close()
        return _error(why)


class _Child:
    """A process with an empty environment and no files but two pipes, on which nothing is waited for without end."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self.owner = os.getpid()
        self.process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,  # a Ctrl-C in the terminal is not for it
        )
        assert self.process.stdin is not None and self.process.stdout is not None  # noqa: S101, PT018
        self._into, self._from = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self._into, False)
        os.set_blocking(self._from, False)
        self._writable, self._readable = select.poll(), select.poll()
        self._writable.register(self._into, select.POLLOUT)
        self._readable.register(self._from, select.POLLIN)

    def exchange(self, message: bytes, limit_s: float) -> bytes:
        """Sends one line and returns the line that comes back.

        Raises:
            OSError: the child is gone, or did not answer in time.
            ValueError: more came back than one line.
        """
        end = time.monotonic() + limit_s
        left = memoryview(message)
        while left:
            _await(self._writable, end)
            left = left[os.write(self._into, left) :]
        self._look_out()
        reply = b""
        while not reply.endswith(b"\n"):
            _await(self._readable, end)
            if not (more := os.read(self._from, 65536)):
                raise ConnectionError("its process ended")
            reply += more
            if len(reply) > MOST_BYTES:
                raise ValueError("the answer is too long")
        return reply

    def _look_out(self) -> None:
        """Looks out for the answer without sleeping: on an idle machine, being woken takes as long as the answer."""
        end = time.monotonic() + AWAKE_S
        while not self._readable.poll(0) and time.monotonic() < end:
            pass

    def kill(self) -> None:
        if self.owner == os.getpid():  # a fork only lets go of its copies of the pipes
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def _await(waiting: select.poll, end: float) -> None:
    left_s = end - time.monotonic()
    if left_s <= 0 or not waiting.poll(left_s * 1000):  # what drips without end is late too
        raise TimeoutError("it did not answer in time")


def _error(why: str) -> EngineError:
    return EngineError(
        "The rules engine gave no answer.", f"{why}.", "Ask again: a new engine is started. See the log if it stays."
    )
