"""The engine's process: the only place that imports durable_rules. Run by `confine`, never imported.

Once `main` is called the process can open nothing and reach nobody, so all that it needs is read in before. It knows
neither the gate nor a clock: it is given compiled rules once, then one flat fact at a time, and names the rules that
match. One frame is one line of JSON; one request is under way at a time. Whatever is not exactly as it has to be ends
the process, because an engine that failed once may hold half a fact.

Only the C interface is used, since the Python layer above it loses verdicts. Each shard has a canary rule that matches
every fact: if it does not fire, the fact was not evaluated.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import durable_rules_engine as durable

DRIVER = "2"  # raise it when this file changes in a way that could change an answer
LOAD_BYTES = 32 * 1024 * 1024
FACT_BYTES = 512 * 1024
ROTATE = 5000  # decisions, after which a shard gets a new session
RUNAWAY = 64  # more rules than this cannot match in one shard
AWAKE_S = 0.0003 if len(os.sched_getaffinity(0)) > 1 else 0.0  # how long a next question is looked for without sleeping
HANGING_S = 20  # at one frame, after which the kernel ends the process even if nobody is left who would
_LIBRARY = hashlib.sha256(Path(durable.__file__).read_bytes()).hexdigest()
_PLAIN = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{0,512}")
_MARK = "zz"  # present in every fact, required by every rule


class RefusedError(Exception):
    """Something is not as it has to be. The process ends."""


class Shard:
    """One ruleset of the engine with one long session; a fact is asserted, answered and retracted."""

    def __init__(self, number: int, rules: dict[str, Any]) -> None:
        self._canary = f"c{number}"
        compiled: dict[str, Any] = {self._canary: {"all": [{"m": {_MARK: 1}}]}}
        compiled |= {name: {"all": [{"m": {"$and": [{_MARK: 1}, when]}}]} for name, when in rules.items()}
        self._known = set(compiled)
        self._names = sorted({name for when in rules.values() for name in _asked(when)})
        self._handle = durable.create_ruleset(f"shard{number}", json.dumps(compiled))
        self._asked = 0
        self._session = ""
        self._begin()

    def fired(self, written: dict[str, str]) -> set[str]:
        """The ids of the rules that match, the canary's among them; `written` is each attribute as JSON."""
        found = self._ask("{" + "".join([written[name] for name in self._names]))
        if self._asked % ROTATE == 0:
            if durable.get_facts(self._handle, self._session) != "[]":
                raise RefusedError("facts were left over")
            durable.delete_state(self._handle, self._session)
            self._begin()
        return found

    def _begin(self) -> None:
        # the first answer initialises a pointer that delete_state will free
        self._session = f"s{self._asked}"
        self._ask("{")

    def _ask(self, fact: str) -> set[str]:
        self._asked += 1
        name = f'"id":"i{self._asked}","sid":"{self._session}"}}'
        code, offset = durable.assert_fact(self._handle, f'{fact}"{_MARK}":1,{name}')
        if code != 0:
            raise RefusedError(f"assert_fact answered {code}")
        found = self._drain(offset)
        if durable.retract_fact(self._handle, "{" + name)[0] != 0:
            raise RefusedError("the fact could not be retracted")
        if self._canary not in found or not found <= self._known:
            raise RefusedError("the canary is missing, or an unknown rule fired")
        return found

    def _drain(self, offset: int) -> set[str]:
        found: set[str] = set()
        first = durable.start_action_for_state(self._handle, offset)
        message = first[1] if first else None
        for _ in range(RUNAWAY + 1):
            if not message:
                return found
            found |= json.loads(message).keys()
            message = durable.complete_and_start_action(self._handle, offset)
        raise RefusedError("the rules do not come to an end")


class Engine:
    """All shards over one vocabulary; `kinds` maps each attribute to "int" or "str"."""

    def __init__(self, kinds: dict[str, str], shards: list[dict[str, Any]]) -> None:
        self._kinds = kinds
        self._shards = [Shard(number, rules) for number, rules in enumerate(shards)]

    def fired(self, fact: dict[str, str | int]) -> list[str]:
        """The ids of all matching rules and of all canaries."""
        self._check(fact)
        # a plain text has nothing in it that JSON would have to escape
        written = {
            name: f'"{name}":"{value}",' if isinstance(value, str) else f'"{name}":{value},'
            for name, value in fact.items()
        }
        return sorted(set().union(*(shard.fired(written) for shard in self._shards)))

    def _check(self, fact: dict[str, str | int]) -> None:
        if fact.keys() != self._kinds.keys():
            raise RefusedError("the attributes are not those of the vocabulary")
        for name, value in fact.items():
            if type(value).__name__ != self._kinds[name]:
                raise RefusedError(f"{name} is of the wrong type")
            if isinstance(value, str) and _PLAIN.fullmatch(value) is None:
                raise RefusedError(f"{name} is no plain text")
            if isinstance(value, int) and abs(value) > 2**53 - 1:
                raise RefusedError(f"{name} is out of range")


def _asked(when: dict[str, Any]) -> Iterator[str]:
    """The attributes that a condition names."""
    ((key, inner),) = when.items()
    if isinstance(inner, list):
        for part in inner:
            yield from _asked(part)
    else:
        yield next(iter(inner)) if isinstance(inner, dict) else key


def _read(source: IO[bytes], most: int) -> dict[str, Any] | None:
    line = source.readline(most)
    if not line:
        return None
    if not line.endswith(b"\n"):
        raise RefusedError("the frame is too long, or cut off")
    frame: dict[str, Any] = json.loads(line.decode())
    return frame


def _write(sink: IO[bytes], frame: dict[str, Any]) -> None:
    sink.write(json.dumps(frame).encode() + b"\n")
    sink.flush()


def _look_out(source: IO[bytes]) -> None:
    """Looks out for the next question without sleeping: hosts are asked about one after the other, and being woken
    takes longer than answering.
    """
    end = time.monotonic() + AWAKE_S
    while time.monotonic() < end and not select.select((source,), (), (), 0)[0]:
        pass


def _serve(source: IO[bytes], sink: IO[bytes], door: str) -> None:
    load = _read(source, LOAD_BYTES)
    if load is None:
        return
    signal.setitimer(signal.ITIMER_REAL, HANGING_S)
    engine = Engine(load["load"]["kinds"], load["load"]["shards"])
    signal.setitimer(signal.ITIMER_REAL, 0)
    _write(sink, {"n": load["n"], "engine": f"sha256:{_LIBRARY}", "driver": DRIVER, "door": door})
    while (frame := _read(source, FACT_BYTES)) is not None:
        signal.setitimer(signal.ITIMER_REAL, HANGING_S)
        fired = engine.fired(frame["fact"])
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(sink, {"n": frame["n"], "fired": fired})
        _look_out(source)


def main(door: str) -> int:
    """Serves until the other end closes. 1 means that the process must not be asked again."""
    try:
        _serve(sys.stdin.buffer, sys.stdout.buffer, door)
    except Exception as trouble:  # noqa: BLE001 - whatever it is, the other end hears of it and this process ends
        _write(sys.stdout.buffer, {"error": f"{type(trouble).__name__}: {trouble}"[:300]})
        return 1
    return 0
