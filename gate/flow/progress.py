"""What runs tell while they are at work, on the ledger in batches: who waits can see it, and the ledger stays fast.

A batch has, by task, on which hosts it began and how it ended there. Diffs, evidence and results of modules are left
out. All runs of a process share one transaction, at most every `PERIOD_S`; what comes after a run's limits is only
counted. Every event there was stands in the run's folder, in artifacts/events.jsonl.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from gate.database.engine import Database
from gate.ledger import store as ledger
from gate.values.clock import Clock

log = logging.getLogger(__name__)

KIND = "progress"
PERIOD_S = 0.25
MAX_MARKS = 10_000  # of a run: one is that a task began, or ended, on a host
MAX_WORDS = 200  # of a run: failures whose words are kept
MAX_TEXT = 300
_MARKS = ("started", "ok", "skipped")


@dataclass(slots=True)
class Batch:
    """What was heard of a run since the batch before. `heard` counts all its events so far."""

    heard: int
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    left_out: int = 0

    def followed_by(self, later: Batch) -> Batch:
        """Both as one."""
        for name, marks in later.tasks.items():
            mine = self.tasks.setdefault(name, {})
            for kind, hosts in marks.items():
                if isinstance(hosts, list):
                    mine.setdefault(kind, []).extend(hosts)
                else:
                    mine.setdefault(kind, {}).update(hosts)
        return Batch(later.heard, self.tasks, [*self.errors, *later.errors], self.left_out + later.left_out)

    def as_json(self) -> dict[str, Any]:
        tasks = [{"task": name, **marks} for name, marks in self.tasks.items()]
        plain: dict[str, Any] = {"heard": self.heard, "tasks": tasks}
        if self.errors:
            plain["errors"] = self.errors
        if self.left_out:
            plain["left_out"] = self.left_out
        return plain


class Listening:
    """Hears the events of one run, and makes batches of them. Not safe to use from several threads."""

    def __init__(self, change_id: str, run_id: str, phase: str, heard: int = 0) -> None:
        self.change_id, self.about = change_id, {"run": run_id, "phase": phase}
        self._marks = self._words = 0
        self._batch = Batch(heard)

    def hear(self, event: Mapping[str, Any]) -> bool:
        """Adds one event; returns whether there is something to be told."""
        batch, kind, host = self._batch, event.get("event"), event.get("host")
        batch.heard += 1
        if kind == "error":
            self._hear_words(event)
        elif isinstance(host, str) and kind in {*_MARKS, "failed", "unreachable"}:
            self._hear_task(str(kind), host, event)
        return self.has_something

    @property
    def has_something(self) -> bool:
        return bool(self._batch.tasks or self._batch.errors or self._batch.left_out)

    def take(self) -> Batch:
        """What is to be told now; a new batch begins."""
        taken, self._batch = self._batch, Batch(self._batch.heard)
        return taken

    def put_back(self, batch: Batch) -> None:
        """It was taken and could not be told."""
        self._batch = batch.followed_by(self._batch)

    def _hear_task(self, kind: str, host: str, event: Mapping[str, Any]) -> None:
        if self._marks >= MAX_MARKS:
            self._batch.left_out += 1
            return
        self._marks += 1
        marks = self._batch.tasks.setdefault(_cut(event.get("task")), {})
        if kind in _MARKS:
            marks.setdefault("changed" if event.get("changed") else kind, []).append(host)
        else:
            self._words += 1
            said = _cut(event.get("message")) if self._words <= MAX_WORDS else ""
            marks.setdefault("ignored" if event.get("ignored") else kind, {})[host] = said

    def _hear_words(self, event: Mapping[str, Any]) -> None:
        self._words += 1
        if self._words <= MAX_WORDS:
            self._batch.errors.append(_cut(event.get("message")))
        else:
            self._batch.left_out += 1


class Progress:
    """The batches of all runs of this process, and the thread that writes them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._runs: dict[str, Listening] = {}
        self._lock = threading.Lock()  # never held while the database is waited for
        self._wanted, self._ended = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, run: Listening) -> None:
        """From now on listens to a run; what it has heard already is written too."""
        with self._lock:
            self._runs[run.about["run"]] = run
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_on, name="gate-progress", daemon=True)
                self._thread.start()

    def hear(self, run_id: str, event: Mapping[str, Any]) -> None:
        """Adds one event of a run. Returns at once; it is written soon."""
        with self._lock:
            if self._runs[run_id].hear(event):
                self._wanted.set()

    def end(self, connection: Connection, run_id: str) -> None:
        """Writes what is left of a run, in the transaction that closes it."""
        with self._lock:
            run = self._runs.pop(run_id, None)
        if run is not None and run.has_something:
            self._append(connection, run, run.take())

    def forget(self, run_id: str) -> None:
        """Listens to a run no more."""
        with self._lock:
            self._runs.pop(run_id, None)

    def close(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _write_on(self) -> None:
        while not self._ended.is_set():  # looked at after `clear`, which may have taken away what `close` has set
            self._wanted.wait()
            if self._ended.wait(PERIOD_S):  # what comes meanwhile goes along; a short run writes it all at its end
                return
            self._wanted.clear()
            self._write()

    def _write(self) -> None:
        taken: list[tuple[Listening, Batch]] = []
        try:
            with self._database.write() as connection:  # first: whoever closes a run has the lock, or waits for it
                with self._lock:
                    taken = [(run, run.take()) for run in self._runs.values() if run.has_something]
                for run, batch in taken:
                    self._append(connection, run, batch)
        except Exception:
            log.exception("progress could not be written; it is tried again in %s s", PERIOD_S)
            with self._lock:
                for run, batch in taken:
                    run.put_back(batch)
            self._wanted.set()

    def _append(self, connection: Connection, run: Listening, batch: Batch) -> None:
        data = {**run.about, **batch.as_json()}
        ledger.append(connection, KIND, "gate", data, now=self._clock.now(), change_id=run.change_id)


def _cut(value: Any) -> str:
    text = str(value)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " [cut]"
