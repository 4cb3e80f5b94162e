"""The gate's side of a run: starts the worker, passes its events on, and reads what came of it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from gate.execution import orphans, remains, stopping
from gate.execution.deaths import death
from gate.execution.environment import worker_environment
from gate.execution.outcome import Outcome, lost, never_started
from gate.execution.settings import RunSettings
from gate.execution.warm.pool import Pool
from gate.execution.workspace import remove
from gate.values.lease import Lease, boot_id

OnEvent = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class RunnerExecutor:
    """Runs warrants with ansible-runner, one worker process each, below `state`/runs.

    With a pool of warm servers a worker is forked there; without, or where none answers, it is started.
    """

    state: Path
    pool: Pool | None = None
    settings: RunSettings = field(default_factory=RunSettings)

    def run(self, run_id: str, signed: str, hosts: tuple[str, ...], on_event: OnEvent) -> Outcome:
        """Runs a signed warrant, calling `on_event` for each event as it comes; blocks until the end.

        What cannot be known comes back as an outcome `unknown`, not as an error.
        """
        folder = self.folder(run_id)
        try:
            folder.mkdir(mode=0o700, parents=True)
            _write(folder / "warrant", signed)
            _write(folder / "settings", self.settings.text())
            with (folder / "stderr").open("wb") as errors, self._start(folder, errors) as output:
                for line in output:
                    _pass_on(line, on_event)
        except FileExistsError:
            return self.outcome(run_id, hosts)  # it was started before; what came of that is what is true
        except OSError as wrong:
            return never_started(hosts, f"The run could not be started: {wrong.strerror}.")
        return self.outcome(run_id, hosts)

    @contextlib.contextmanager
    def _start(self, folder: Path, errors: IO[bytes]) -> Iterator[IO[bytes]]:
        """A worker at work, and what it tells. It outlives the gate."""
        output = None if self.pool is None else self.pool.worker(folder, errors, self._secrets())
        if output is not None:
            with output:
                yield output
            return
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gate.execution.worker", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env={
                **(worker_environment(os.environ) if self.pool is None else self.pool.environment()),
                **self._secrets(),
            },
            start_new_session=True,
        )
        with process:
            yield process.stdout or io.BytesIO()

    def _secrets(self) -> dict[str, str]:
        """The secrets of the site that are in the gate's own environment: for the worker alone."""
        return {name: os.environ[name] for name in self.settings.variables if name in os.environ}

    def outcome(self, run_id: str, hosts: tuple[str, ...]) -> Outcome:
        """What came of a run, from its folder alone. Waits for a worker that is still at it.

        From here on a worker that was never started cannot start any more.
        """
        folder = self.folder(run_id)
        if not folder.exists():
            return never_started(hosts, "The run was never started.")
        try:
            return _outcome(folder, hosts)
        except OSError as wrong:
            return lost(hosts, f"What the run has left cannot be read: {wrong.strerror or wrong}.", {})

    def stop(self, run_id: str) -> None:
        """Asks a run to stop, from any process of the site, and returns at once. What came of it is in its outcome.

        A run that has not begun never will: `run` finds its folder taken. One that is over stays as it is.
        """
        folder = self.folder(run_id)
        if not folder.exists():
            _take_with_stop(folder)  # whoever finds it taken finds out why, too
        if not (folder / "result").exists():
            stopping.ask(folder)

    def evidence(self, run_id: str) -> dict[str, Any]:
        """The evidence that a run had recorded, by host, even if the run itself was lost."""
        return remains.evidence(self.folder(run_id))

    def events(self, run_id: str) -> Iterator[Mapping[str, Any]]:
        """The events that the worker of a run has written down, in their order."""
        return remains.events(self.folder(run_id))

    def folder(self, run_id: str) -> Path:
        """Where the run's files are."""
        return self.state / "runs" / run_id


def _take_with_stop(folder: Path) -> None:
    """Makes the folder of a run that has not begun, together with the wish that it stops; or leaves it as it is."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".stop-", dir=folder.parent))
    stopping.ask(draft)
    try:
        draft.rename(folder)
    except OSError:  # it has begun meanwhile
        shutil.rmtree(draft)


def _outcome(folder: Path, hosts: tuple[str, ...]) -> Outcome:
    with Lease.turn(folder / "lease") as lease:
        try:
            if os.path.lexists(folder / "result"):
                return remains.result(folder, hosts)
            if not (folder / "started").exists():
                return _close_before_it_begins(folder, hosts)
            orphans.end(folder)  # or they would go on changing hosts, and what is about to be sealed
            evidence = remains.evidence(folder)
            remove(folder / "private")  # what is left of its output was never redacted
            if orphans.end(folder):  # one that was just being started
                remove(folder / "private")
            return lost(hosts, death(lease.owner(), boot_id()), evidence)
        except ValueError as wrong:
            return lost(hosts, f"The run cannot be believed: {wrong}.", remains.evidence(folder))


def _close_before_it_begins(folder: Path, hosts: tuple[str, ...]) -> Outcome:
    """The worker cannot begin any more: it would find a result."""
    remove(folder / "private")
    asked = stopping.is_asked(folder)
    why = "It was asked to stop before it began." if asked else "The worker ended before it began."
    outcome = never_started(hosts, why, stopped=asked)
    _write(folder / "result", json.dumps(outcome.as_json()))
    return outcome


def _pass_on(line: bytes, on_event: OnEvent) -> None:
    try:
        event = json.loads(line)
    except ValueError:
        return  # not from our worker's hand; the file has every event
    on_event(event)


def _write(path: Path, text: str) -> None:
    with path.open("x") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
