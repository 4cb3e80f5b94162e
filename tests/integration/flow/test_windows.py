"""A change that is early waits for its window, is decided again when it opens, and is not started if it cannot end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gate.changes.model import Change, State, WaitingFor
from gate.flow.execute import start
from gate.flow.expire import ask_again, expire
from gate.intent import Intent

if TYPE_CHECKING:
    Steps = Any
Wish = Callable[..., Intent]
Window = Callable[..., timedelta]
EARLY, RUNS = (State.WAITING, WaitingFor.WINDOW), (State.RUNNING, None)
UNTIL_APPROVED = (State.WAITING, WaitingFor.APPROVAL)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def window(steps: Steps, site: Path) -> Window:
    """Makes windows of kind allow; returns by how much the first one is ahead."""

    def make(*spans: tuple[timedelta, timedelta], more: str = "") -> timedelta:
        now = steps.site.clock.now()
        dates = [f"{{from: {now + begin:%Y-%m-%d %H:%M}, to: {now + end:%Y-%m-%d %H:%M}}}" for begin, end in spans]
        text = f"- {{window: some, kind: allow, dates: [{', '.join(dates)}], zone: UTC}}\n{more}"
        (site / "rules" / "windows.yml").write_text(text)
        return spans[0][0]  # it opens at the beginning of that minute

    return make


def begin(steps: Steps, change: Change, later: timedelta) -> tuple[State, WaitingFor | None]:
    """Starts a change at a later time, if it may start; nothing of it is run."""
    site = steps.later(later)
    with site.database.write() as connection:
        start(site, connection, change.id, site.inventory(), site.clock.now())
    return where(steps.gate.change(change.id))


def where(change: Change) -> tuple[State, WaitingFor | None]:
    return change.state, change.waiting_for


def test_what_is_early_waits_and_starts_when_its_window_opens(steps: Steps, workers: Wish, window: Window) -> None:
    opens = window((2 * HOUR, 6 * HOUR))
    change = steps.propose(workers("web-03"))
    assert where(change) == EARLY
    assert ask_again(steps.later(opens - MINUTE)) == []
    assert ask_again(steps.later(opens)) == [change.id]
    assert begin(steps, change, opens) == RUNS
    assert steps.kinds(change) == ["proposed", "decided", "window-opens", "started", "warrant"]


def test_it_is_decided_again_when_the_window_opens(steps: Steps, workers: Wish, window: Window, site: Path) -> None:
    opens = window((2 * HOUR, 6 * HOUR))
    change = steps.propose(workers("web-03"))
    rules = site / "rules" / "rules.yml"
    rules.write_text(rules.read_text() + "- {rule: no, when: {target: web-03}, then: deny, because: Closed now.}\n")
    ask_again(steps.later(opens))
    assert begin(steps, change, opens) == (State.DENIED, None)


def test_a_window_that_was_moved_meanwhile_is_waited_for_again(steps: Steps, workers: Wish, window: Window) -> None:
    opens = window((2 * HOUR, 6 * HOUR))
    change = steps.propose(workers("web-03"))
    later = window((8 * HOUR, 9 * HOUR))
    ask_again(steps.later(opens))
    assert begin(steps, change, opens) == EARLY
    ask_again(steps.later(later))
    assert begin(steps, change, later) == RUNS


def test_what_would_outlast_its_window_waits_for_the_next(steps: Steps, workers: Wish, window: Window) -> None:
    takes = steps.gate.catalog().get("set_config_value").timeout_s
    opens = window((2 * HOUR, 3 * HOUR), (8 * HOUR, 12 * HOUR))
    change = steps.propose(workers("web-03"))
    late = 3 * HOUR - timedelta(seconds=takes) / 2
    assert opens < late
    ask_again(steps.later(late))
    assert begin(steps, change, late) == EARLY
    ask_again(steps.later(8 * HOUR))
    assert begin(steps, change, 8 * HOUR) == RUNS


def test_a_freeze_that_came_meanwhile_denies(steps: Steps, workers: Wish, window: Window) -> None:
    opens = window((2 * HOUR, 6 * HOUR))
    change = steps.propose(workers("web-03"))
    freeze = "- {window: frozen, kind: freeze, cron: '0 0 * * *', duration: 1d, zone: UTC}\n"
    window((2 * HOUR, 6 * HOUR), more=freeze)
    ask_again(steps.later(opens))
    assert begin(steps, change, opens) == (State.DENIED, None)


def test_a_yes_that_was_given_before_counts_when_the_window_opens(steps: Steps, workers: Wish, window: Window) -> None:
    """The rule asks for a yes within the hour, and the window is in five."""
    opens = window((5 * HOUR, 9 * HOUR))
    change = steps.propose(workers("web-01"))
    assert where(change) == UNTIL_APPROVED
    steps.approve(steps.preview(change))
    assert begin(steps, change, MINUTE) == EARLY
    assert expire(steps.later(4 * HOUR)) == []
    ask_again(steps.later(opens))
    assert begin(steps, change, opens + 50 * MINUTE) == RUNS


def test_a_yes_is_over_when_its_time_in_the_window_is_and_can_be_given_again(
    steps: Steps, workers: Wish, window: Window
) -> None:
    opens = window((5 * HOUR, 9 * HOUR))
    change = steps.approved(workers("web-01"))
    begin(steps, change, MINUTE)
    ask_again(steps.later(opens))
    late = opens + 61 * MINUTE
    assert begin(steps, change, late) == UNTIL_APPROVED
    assert expire(steps.later(late + 59 * MINUTE)) == []  # it waits as long as it did at first
    assert expire(steps.later(late + 61 * MINUTE)) == [change.id]
