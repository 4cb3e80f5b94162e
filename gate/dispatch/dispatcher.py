"""The dispatcher: the only import of DBOS. One for a process, because DBOS is."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from gate.database.records import JOBS, usable
from gate.values.errors import StateError
from gate.values.lease import Lease

if TYPE_CHECKING:
    from dbos import DBOS

Job = tuple[str, str]  # (deed, change id)
Pending = Callable[[], Iterable[Job]]
Work = Callable[[str, str], None]
log = logging.getLogger(__name__)

SWEEP_S = 0.5  # how often it looks for work that another process left; its own work is started at once
LONGEST_PAUSE_S = 30.0  # between looks, as long as looking fails
RECORD_S = 5.0  # for DBOS to write down the end of what has ended
VERSION = "1"  # fixed: DBOS would compute one and leave the jobs of another one alone


class _Connection(sqlite3.Connection):
    """On Python 3.12 DBOS asks SQLite for the time in words that it knows from 3.42 on; that of Debian 12 is older."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if sqlite3.sqlite_version_info < (3, 42):
            self.create_function("unixepoch", 1, lambda _: time.time())


class Dispatcher:
    """Runs `work(deed, change_id)` for every pending job, each once in this process, `limit` at a time."""

    of_this_process: ClassVar[Dispatcher | None] = None

    def __init__(
        self, state: Path, executor_id: str, pending: Pending, work: Work, *, limit: int | None = None
    ) -> None:
        self._state, self._executor_id = state, executor_id
        self._pending, self._work = pending, work
        self._limit = limit or (os.cpu_count() or 1) + 1
        self._lock = threading.RLock()
        self._active: set[Job] = set()
        self._started = 0
        self._idle = threading.Event()
        self._idle.set()
        self._stop = threading.Event()
        self._sweeper: threading.Thread | None = None
        self._launched: type[DBOS] | None = None

    def wake(self) -> None:
        """Starts what is pending and can be started now. Returns at once."""
        with self._lock:
            if self._stop.is_set():
                return
            for job in self._pending():
                if len(self._active) >= self._limit:
                    break
                if job not in self._active:
                    self._start(job)

    def sweep(self) -> None:
        """From now on looks for work of its own accord too, until `close`."""
        if self._sweeper is None:
            self._sweeper = threading.Thread(target=self._sweep, name="gate-sweeper", daemon=True)
            self._sweeper.start()

    def wait_idle(self, timeout_s: float | None = None) -> bool:
        """Waits until no job of this process is running; False if the time ran out first."""
        return self._idle.wait(timeout_s)

    def close(self) -> None:
        """Takes no more jobs and waits for those that run."""
        self._stop.set()
        self._idle.wait()
        if self._sweeper is not None:
            self._sweeper.join()
        if self._launched is not None:
            self._wait_for_the_record(self._launched)
            self._launched.destroy()
            Dispatcher.of_this_process = None

    def _start(self, job: Job) -> None:
        from dbos import SetWorkflowID

        dbos = self._launch()
        self._active.add(job)
        self._idle.clear()
        # unique in every boot: two processes may both try, and the guarded state of the change lets one win
        self._started += 1
        try:
            with usable(self._state / JOBS), SetWorkflowID(f"{job[0]}:{job[1]}:{self._executor_id}:{self._started}"):
                dbos.start_workflow(_registered(dbos), *job)
        except BaseException:
            self._over(job)
            raise

    def carry_out(self, job: Job) -> None:
        """The body of a job: the work, and then whatever became possible by it."""
        try:
            self._work(*job)
        finally:
            self._over(job)
            self.wake()

    def _wait_for_the_record(self, dbos: type[DBOS]) -> None:
        """Until DBOS has written down the end of each job. `destroy` can wait too, but for a second at the least."""
        deadline = time.monotonic() + RECORD_S
        while dbos.list_workflows(status="PENDING", executor_id=self._executor_id, load_input=False, load_output=False):
            if time.monotonic() > deadline:
                log.warning("DBOS has not written down the end of every job within %s s", RECORD_S)
                return
            time.sleep(0.01)

    def _over(self, job: Job) -> None:
        with self._lock:
            self._active.discard(job)
            if not self._active:
                self._idle.set()

    def _launch(self) -> type[DBOS]:
        if self._launched is not None:
            return self._launched
        if Dispatcher.of_this_process is not None:
            raise StateError(
                "A second site cannot be run by this process.",
                "DBOS keeps one instance for a process.",
                "Close the first gate, or use another process.",
            )
        # one process at a time, or two would make the new file, and DBOS's tables in it
        with Lease.turn(self._state / "dispatch.lock"), usable(self._state / JOBS):
            self._launched = self._launch_alone(self._state / JOBS)
        Dispatcher.of_this_process = self
        return self._launched

    def _launch_alone(self, path: Path) -> type[DBOS]:
        from dbos import DBOS

        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # DBOS does not, and is half as fast without
        DBOS(
            config={
                "name": "ansible-gate",
                "system_database_url": f"sqlite:///{path}",
                "executor_id": self._executor_id,
                "application_version": VERSION,
                "log_level": "ERROR",
                "notification_listener_polling_interval_sec": 0.05,  # none are used, but `destroy` waits for one look
                "db_engine_kwargs": {"connect_args": {"factory": _Connection}},
            }
        )
        _registered(DBOS)
        try:
            DBOS.launch()
        except BaseException:
            DBOS.destroy()  # or it would be taken for launched the next time
            raise
        return DBOS

    def _sweep(self) -> None:
        pause_s = SWEEP_S
        while not self._stop.wait(pause_s):
            try:
                self.wake()
                pause_s = SWEEP_S
            except Exception:  # of a disk that is full all night the log has to be readable in the morning
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                log.exception("looking for work failed; it is tried again in %s s", pause_s)


_workflow: Callable[[str, str], None] | None = None


def _registered(dbos: type[DBOS]) -> Callable[[str, str], None]:
    """The one workflow of this process. It hands its job to the dispatcher that lives now."""
    global _workflow  # noqa: PLW0603 - DBOS keeps its registry for the process, so this is kept for it too
    if _workflow is None:

        @dbos.workflow(name="carry_out", max_recovery_attempts=0)
        def carry_out(deed: str, change_id: str) -> None:
            dispatcher = Dispatcher.of_this_process
            if dispatcher is not None:
                dispatcher.carry_out((deed, change_id))

        _workflow = carry_out
    return _workflow
