from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gate.schedule.clock import Due, _due_now
from gate.schedule.plan import Schedule, read_schedules
from gate.values.errors import SettingsError

INTENT = {"action": "restart_service", "targets": ["web-01"], "parameters": {"service": "nginx"}, "reason": "Nightly."}
GOOD = """\
- schedule: nightly
  cron: "30 2 * * *"
  zone: Europe/Berlin
  intent: {action: restart_service, targets: [web-01], parameters: {service: nginx}, reason: Nightly.}
"""


def schedule(cron: str = "30 2 * * *", zone: str = "Europe/Berlin", late: str = "15m") -> Schedule:
    return Schedule(schedule="nightly", cron=cron, zone=zone, late=late, intent=INTENT)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def firings(one: Schedule, start: datetime, end: datetime) -> list[datetime]:
    found = []
    at = one.next_after(start)
    while at < end:
        found.append(at)
        at = one.next_after(at)
    return found


def test_a_time_that_comes_twice_in_autumn_fires_once() -> None:
    assert len(firings(schedule(), utc(2026, 10, 24, 12), utc(2026, 10, 25, 12))) == 1


def test_a_time_that_does_not_come_in_spring_fires_once_all_the_same() -> None:
    assert len(firings(schedule(), utc(2026, 3, 28, 12), utc(2026, 3, 29, 12))) == 1


def test_an_hourly_schedule_fires_every_hour_of_the_longer_day() -> None:
    hours = firings(schedule("0 * * * *"), utc(2026, 10, 24, 21, 59), utc(2026, 10, 25, 22, 59))
    assert len(hours) == 25
    assert {later - earlier for earlier, later in pairwise(hours)} == {timedelta(hours=1)}


def test_a_schedule_is_in_its_own_zone() -> None:
    assert schedule().next_after(utc(2026, 1, 10, 0)) == utc(2026, 1, 10, 1, 30)
    assert schedule().next_after(utc(2026, 7, 10, 0)) == utc(2026, 7, 10, 0, 30)


def test_each_firing_is_later_than_the_one_before_through_a_whole_year() -> None:
    found = firings(schedule(), utc(2026, 1, 1), utc(2027, 1, 1))
    assert len(found) == 365
    assert found == sorted(set(found))


@pytest.mark.parametrize("seconds", [0, 1, 30, 899])
def test_every_firing_that_means_the_same_time_has_the_same_key(seconds: int) -> None:
    due = utc(2026, 1, 10, 1, 30)
    assert _due_now(schedule(), due + timedelta(seconds=seconds)) == due


def test_the_due_time_is_the_latest_that_has_come() -> None:
    every_minute = schedule("* * * * *", "UTC")
    assert _due_now(every_minute, utc(2026, 1, 1, 12, 5, 59)) == utc(2026, 1, 1, 12, 5)
    assert _due_now(every_minute, utc(2026, 1, 1, 12, 6)) == utc(2026, 1, 1, 12, 6)


def test_the_trigger_survives_being_stored() -> None:
    trigger = Due(schedule())
    restored = Due.__new__(Due)
    restored.__setstate__(trigger.__getstate__())
    assert restored.schedule == trigger.schedule
    now = utc(2026, 1, 10)
    assert restored.get_next_fire_time(None, now) == trigger.get_next_fire_time(None, now)
    assert restored.get_next_fire_time(utc(2026, 1, 10, 1, 30), now) == utc(2026, 1, 11, 1, 30)


def test_a_site_without_schedules_has_none(tmp_path: Path) -> None:
    assert read_schedules(tmp_path) == ()


def test_a_good_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "schedules.yml").write_text(GOOD)
    (one,) = read_schedules(tmp_path)
    assert (one.schedule, one.late, one.wish().action) == ("nightly", "15m", "restart_service")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("30 2 * * *", "61 2 * * *"),
        ("30 2 * * *", "30 2 * *"),
        ("30 2 * * *", ""),
        ("30 2 * * *", "0 0 31 2 *"),
        ("Europe/Berlin", "Europe/Nowhere"),
        ("Europe/Berlin", "../etc/passwd"),
        ("Europe/Berlin", ""),
        ("zone: Europe/Berlin", "zone: 1"),
        ("zone: Europe/Berlin", "late: soon"),
        ("zone: Europe/Berlin", "actor: human:root"),
        ("nightly", "Nightly Run"),
        ("[web-01]", "[all]"),
        ("[web-01]", "[]"),
        ("nginx", '"{{ 1 }}"'),
        ("- schedule", "schedule"),
        ("intent:", "intents:"),
        ("- schedule", "- [\n- schedule"),
        ("Nightly.", "!!python/object/apply:os.system [id]"),
    ],
)
def test_a_wrong_schedule_is_refused_in_three_sentences(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    (tmp_path / "schedules.yml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(SettingsError, match=r"schedules\.yml"):
        read_schedules(tmp_path)


def test_two_schedules_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "schedules.yml").write_text(GOOD * 2)
    with pytest.raises(SettingsError, match="twice"):
        read_schedules(tmp_path)


@pytest.mark.parametrize("raw", ["1", "text", "{}", "[1]", "[null]"])
def test_what_is_no_list_of_schedules_is_refused(tmp_path: Path, raw: Any) -> None:
    (tmp_path / "schedules.yml").write_text(raw)
    with pytest.raises(SettingsError):
        read_schedules(tmp_path)
