"""What is scheduled: `schedules.yml` of a site, strictly typed; and when it is due. Pure but for reading the file.

- schedule: nightly-restart
  cron: "30 2 * * *"
  zone: Europe/Berlin
  intent: {action: restart_service, targets: [web-01], parameters: {service: nginx}, reason: Nightly restart.}
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from cronsim import CronSim, CronSimError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gate.intent import Intent
from gate.values.clock import duration
from gate.values.errors import GateError, SettingsError

FILE = "schedules.yml"


class Schedule(BaseModel):
    """One scheduled wish. `late` is how long after its time it is still proposed, if the gate was away."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schedule: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}\z")
    cron: str
    zone: str = "UTC"
    late: str = "15m"
    intent: dict[str, Any]

    def wish(self) -> Intent:
        """The intent. Raises IntentError."""
        return Intent.parse(self.intent)

    def next_after(self, at: datetime) -> datetime:
        """The first time after `at` at which it is due, aware, in UTC. Debian's cron decides about clock changes."""
        start = at.astimezone(ZoneInfo(self.zone))
        while True:
            due: datetime = next(CronSim(self.cron, start)).astimezone(UTC)
            if due > at:
                return due
            start = due.astimezone(ZoneInfo(self.zone))


def read_schedules(root: Path) -> tuple[Schedule, ...]:
    """The schedules of the site in `root`; none if it has no schedules.yml.

    Raises:
        SettingsError: with the schedule, the reason and the mend.
    """
    path = root / FILE
    if not path.exists():
        return ()
    try:
        raw = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as wrong:
        raise SettingsError(f"{path} cannot be read.", f"{wrong}."[:300], "Mend that place.") from wrong
    if not isinstance(raw, list):
        raise SettingsError(f"{path} holds no list.", "Schedules are a list.", "Begin each with `- schedule: NAME`.")
    made = tuple(_schedule(one, number, path) for number, one in enumerate(raw, 1))
    _refuse_twins(made, path)
    return made


def _schedule(raw: Any, number: int, path: Path) -> Schedule:
    try:
        made = Schedule.model_validate(raw)
        ZoneInfo(made.zone)
        duration(made.late)
        CronSim(made.cron, datetime.now(UTC))
        made.wish()
    except ValidationError as wrong:
        first = wrong.errors()[0]
        reason = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    except (CronSimError, ZoneInfoNotFoundError, ValueError) as wrong:
        reason = f"{wrong}"
    except GateError as wrong:
        reason = f"{wrong.what} {wrong.why}"
    else:
        return made
    raise SettingsError(
        f"{path}: schedule {number} is wrong.",
        f"{reason}.",
        "It takes schedule, cron, zone, late and intent; see docs/howto/schedule-maintenance.md.",
    )


def _refuse_twins(schedules: Sequence[Schedule], path: Path) -> None:
    names = [one.schedule for one in schedules]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise SettingsError(
            f"{path}: {', '.join(twins)} is there twice.", "A name is a schedule's identity.", "Rename one."
        )
