"""What a run has left in its folder, read by somebody who believes none of it until it is typed.

Whoever wrote it may have died while writing, or may not be who was meant to write there. What cannot be read, is too
large, is no plain file or says what no run of ours would say counts as not there: from that follows `unknown`, and
never a success.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gate.execution.events import observe, reduce_event
from gate.execution.outcome import Observed, Outcome, Status, never_started
from gate.execution.secrecy import Secrecy

MOST_BYTES = 256 * 1024 * 1024  # of one file; the runner passes on 8 MB of one result
_WRONG = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


def result(folder: Path, hosts: tuple[str, ...]) -> Outcome:
    """What the worker has written about its run on `hosts`, or on some of them.

    Raises:
        ValueError: it cannot be believed; says why.
    """
    try:
        outcome = Outcome.from_json(json.loads(plain_file(folder / "result")))
        statuses = {one.status for one in outcome.hosts.values()}
    except _WRONG as wrong:
        raise ValueError(f"its result cannot be read ({type(wrong).__name__})") from wrong
    if not outcome.began and (outcome.status is not Status.FAILED or (folder / "started").exists()):
        raise ValueError("its result says that nothing began")
    if not outcome.began and not outcome.hosts:
        return never_started(hosts, outcome.note, stopped=outcome.stopped)  # the worker did not believe its warrant
    if not outcome.hosts or not outcome.hosts.keys() <= set(hosts):
        raise ValueError("its result is about other hosts")
    if outcome.status is Status.SUCCEEDED and statuses != {Status.SUCCEEDED}:
        raise ValueError("its result contradicts itself")
    return outcome


def events(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The events that the worker had written down, up to the first that is none."""
    with contextlib.suppress(*_WRONG):
        for line in plain_file(folder / "artifacts" / "events.jsonl").split(b"\n"):
            event = json.loads(line)  # the last may have been cut off
            if not isinstance(event, dict) or not isinstance(event.get("event"), str):
                return
            yield event


def evidence(folder: Path) -> dict[str, Any]:
    """The evidence that was recorded, by host: what the worker wrote down, and what it did not live to read."""
    seen = Observed()
    with contextlib.suppress(*_WRONG):
        for event in events(folder):
            observe(seen, event)
    for event in _undelivered(folder):
        observe(seen, event)
    return seen.evidence


def _undelivered(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Events that Ansible had handed over before it went on."""
    found = sorted((folder / "private" / "artifacts" / "runner" / "job_events").glob("*-partial.json"))
    if not found:
        return
    with contextlib.suppress(*_WRONG):
        secrecy = Secrecy.afterwards(folder)
        for path in found:
            with contextlib.suppress(*_WRONG):
                ours = reduce_event(json.loads(plain_file(path)), secrecy)
                if ours is not None and ours["event"] == "ok" and isinstance(ours["host"], str):
                    yield ours


def plain_file(path: Path) -> bytes:
    """The content of a plain file of its own, no link to another and no pipe that would never answer.

    Raises:
        OSError: it is none, is not there, or cannot be read.
        ValueError: it is too large.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(f"{path.name} is no plain file")
        if about.st_size > MOST_BYTES:
            raise ValueError(f"{path.name} is too large")
        return file.read(MOST_BYTES)
