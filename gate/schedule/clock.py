"""Keeping the schedule, with APScheduler and a store that survives a restart. Its jobs propose, and do nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from gate.database.records import DUE_TIMES, usable
from gate.intent import Intent
from gate.schedule.plan import Schedule
from gate.values.clock import duration, stamp
from gate.values.errors import GateError

Propose = Callable[[str, Intent, str], None]
log = logging.getLogger(__name__)


class Due(BaseTrigger):  # type: ignore[misc]
    """When next? Answered by our one definition of time: APScheduler's own cron fires twice in autumn."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return self.schedule.next_after(previous or now)

    def __getstate__(self) -> dict[str, Any]:
        return {"schedule": self.schedule.model_dump()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.schedule = Schedule.model_validate(state["schedule"])


class Keeper:
    """Keeps the schedules of one site, in the one process that serves it."""

    current: ClassVar[Keeper | None] = None  # the store keeps names of functions, so a job finds its keeper here

    def __init__(self, state: Path, schedules: Sequence[Schedule], propose: Propose) -> None:
        self._propose = propose
        Keeper.current = self
        store = SQLAlchemyJobStore(url=f"sqlite:///{state / DUE_TIMES}")
        self._scheduler = BackgroundScheduler(
            jobstores={"default": store}, executors={"default": ThreadPoolExecutor(1)}, timezone=UTC
        )
        with usable(state / DUE_TIMES):
            self._scheduler.start(paused=True)
            self._agree(schedules)
        self._scheduler.resume()

    def _agree(self, schedules: Sequence[Schedule]) -> None:
        """Makes the store agree with the file. What did not change keeps its due time, so a miss is noticed."""
        wanted = {one.schedule: one for one in schedules}
        for job in self._scheduler.get_jobs():
            if job.id not in wanted or job.trigger.schedule != wanted[job.id]:
                job.remove()
        for name, one in wanted.items():
            if self._scheduler.get_job(name) is None:
                grace = int(duration(one.late).total_seconds())
                self._scheduler.add_job(
                    fire, Due(one), id=name, args=[name], coalesce=True, misfire_grace_time=grace, max_instances=1
                )

    def propose(self, name: str) -> None:
        """Proposes what is scheduled as `name`. The key makes a second firing of the same time harmless."""
        job = self._scheduler.get_job(name)
        if job is None:
            return
        schedule: Schedule = job.trigger.schedule
        due = _due_now(schedule, datetime.now(UTC))
        try:
            self._propose(name, schedule.wish(), f"schedule:{name}:{stamp(due)}")
        except GateError as refused:
            log.warning("schedule %s: %s", name, refused)  # the refusal is on the ledger too

    def close(self) -> None:
        """Stops. What is due meanwhile is proposed at the next start, if that is not too late."""
        self._scheduler.shutdown(wait=True)
        Keeper.current = None


def fire(name: str) -> None:
    """The job: what APScheduler's store can name."""
    if Keeper.current is not None:
        Keeper.current.propose(name)


def _due_now(schedule: Schedule, now: datetime) -> datetime:
    """The latest time, not after `now`, at which it was due: the same for every firing that means it."""
    due = schedule.next_after(now - duration(schedule.late) - duration("1m"))
    latest = due
    while due <= now:
        latest, due = due, schedule.next_after(due)
    return latest
