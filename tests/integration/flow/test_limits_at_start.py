"""A change that was admitted and finds a limit reached at its start waits for room, and is decided again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from gate.app import Gate
from gate.changes import store
from gate.changes.model import Change, State, WaitingFor
from gate.cli.main import cli
from gate.flow.approve import reject
from gate.flow.execute import start
from gate.flow.expire import ask_again
from gate.flow.finish import come_to_rest
from gate.flow.plan import propose_plan
from gate.flow.settle import settle
from gate.intent import Intent
from gate.policy.decision import Decision
from gate.values.actor import Actor
from gate.values.clock import from_stamp

if TYPE_CHECKING:
    Steps = Any
Wish = Callable[..., Intent]
Limit = Callable[[str], None]
ANN = Actor.parse("human:ann")
PLANNER = Actor.parse("agent:planner")
WAITS = (State.WAITING, WaitingFor.LIMIT)
RUNS = (State.RUNNING, None)
NONE, HOUR, MINUTE = timedelta(), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def limit(site: Path) -> Limit:
    """Edits the limits, as somebody does while changes are on their way."""
    return lambda text: void((site / "rules" / "limits.yml").write_text(f"- {{limit: few, {text}}}\n"))


def void(_: object) -> None:
    return None


def two(steps: Steps, workers: Wish) -> tuple[Change, Change]:
    """Two changes that are ready, on different hosts."""
    return steps.propose(workers("web-03")), steps.propose(workers("db-02"))


def where(change: Change) -> tuple[State, WaitingFor | None]:
    return change.state, change.waiting_for


def begin(steps: Steps, change: Change, later: timedelta = NONE) -> tuple[State, WaitingFor | None]:
    """Starts a change at a later time, if it may start; nothing of it is run."""
    site = steps.later(later)
    with site.database.write() as connection:
        start(site, connection, change.id, site.inventory(), site.clock.now())
    return where(now(steps, change))


def now(steps: Steps, change: Change) -> Change:
    found: Change = steps.gate.change(change.id)
    return found


def rest(steps: Steps, change: Change, state: State) -> None:
    """What was started comes to rest, as after its runs."""
    with steps.site.database.write() as connection:
        come_to_rest(connection, store.get(connection, change.id), state, steps.site.clock.now())


def test_when_a_rate_is_used_up_a_start_waits_until_time_has_made_room(
    steps: Steps, workers: Wish, limit: Limit
) -> None:
    first, second = two(steps, workers)
    limit("at_most: 1, per: 1h, by: [actor]")
    assert begin(steps, first) == RUNS
    waits = steps.execute(second)
    assert where(waits) == WAITS
    assert "the next is possible at" in str(waits.decision)
    assert ask_again(steps.later(HOUR - MINUTE)) == []
    assert ask_again(steps.later(HOUR)) == [second.id]
    assert begin(steps, second, HOUR) == RUNS
    assert steps.kinds(second)[1:5] == ["decided", "not-started", "limit-frees", "started"]


def test_time_alone_does_not_start_it_it_is_decided_again(steps: Steps, workers: Wish, limit: Limit) -> None:
    first, second = two(steps, workers)
    limit("at_most: 1, per: 1h, by: [actor]")
    begin(steps, first)
    begin(steps, second)
    assert ask_again(steps.later(HOUR)) == [second.id]
    assert begin(steps, second, HOUR - MINUTE) == WAITS  # by the clock of another machine
    assert begin(steps, second, HOUR) == WAITS  # nothing starts that is not ready


def test_no_more_begin_in_any_period_than_the_rate_allows_however_long_they_waited(
    steps: Steps, workers: Wish, site: Path, limit: Limit
) -> None:
    """Four a day asked for, all of them early for the same window."""
    opens = steps.site.clock.now() + 2 * HOUR
    first, last = (f"{at:%Y-%m-%d %H:%M}" for at in (opens, opens + 9 * HOUR))
    span = f"{{from: {first}, to: {last}}}"
    (site / "rules" / "windows.yml").write_text(f"- {{window: night, kind: allow, dates: [{span}], zone: UTC}}\n")
    hosts = ("web-03", "db-02", "web-03", "db-02")
    changes = [steps.propose(workers(host, value=str(number))) for number, host in enumerate(hosts)]
    assert {where(change) for change in changes} == {(State.WAITING, WaitingFor.WINDOW)}
    limit("at_most: 2, per: 1h, by: [actor]")
    for hours, begun in ((2, 2), (3, 4)):
        ask_again(steps.later(hours * HOUR))
        left = changes[begun - 2 :]
        assert [begin(steps, change, hours * HOUR) for change in left] == [RUNS, RUNS, *[WAITS] * (4 - begun)]
        for change in left[:2]:
            rest(steps, change, State.SUCCEEDED)


@pytest.mark.parametrize("text", ["concurrent: 1", "hosts: 1, at: once", "concurrent: 1, by: [environment]"])
@pytest.mark.parametrize("end", [State.SUCCEEDED, State.FAILED])
def test_what_is_one_too_many_at_once_goes_on_when_another_is_at_rest(
    steps: Steps, workers: Wish, limit: Limit, text: str, end: State
) -> None:
    first, second = two(steps, workers)
    limit(text)
    steps.start_and_die(first)
    waits = steps.execute(second)
    assert where(waits) == WAITS
    assert Decision.from_json(waits.decision).frees_at is None
    assert ask_again(steps.later(99 * HOUR)) == []  # time alone makes no room
    rest(steps, first, end)
    assert now(steps, second).state is State.READY
    assert steps.execute(second).state is State.SUCCEEDED


def test_what_is_unknown_keeps_its_place_until_a_person_settles_it(steps: Steps, workers: Wish, limit: Limit) -> None:
    first, second = two(steps, workers)
    limit("concurrent: 1")
    steps.start_and_die(first)
    begin(steps, second)
    rest(steps, first, State.UNKNOWN)
    assert where(now(steps, second)) == WAITS
    settle(steps.site, first.id, ANN, state=State.FAILED, reason="I looked.")
    assert steps.execute(second).state is State.SUCCEEDED


def test_a_host_that_cools_down_is_waited_for(steps: Steps, workers: Wish, limit: Limit) -> None:
    first, second = steps.propose(workers("web-03")), steps.propose(workers("web-03", value="9"))
    limit("cooldown: 1h, by: [target]")
    steps.start_and_die(first)
    assert begin(steps, second) == WAITS  # it is busy
    rest(steps, first, State.SUCCEEDED)
    assert now(steps, second).state is State.READY
    waits = steps.execute(second)
    assert where(waits) == WAITS  # now it cools down
    assert Decision.from_json(waits.decision).frees_at is not None
    assert ask_again(steps.later(HOUR - MINUTE)) == []
    assert ask_again(steps.later(HOUR)) == [second.id]
    assert begin(steps, second, HOUR) == RUNS


def test_a_step_of_a_plan_waits_for_the_cool_down_of_the_step_before_it(
    steps: Steps, workers: Wish, limit: Limit
) -> None:
    wishes = [workers("web-03").as_json(), workers("web-03", value="9").as_json()]
    plan = [{"id": "a", "intent": wishes[0]}, {"id": "b", "intent": wishes[1], "after": ["a"]}]
    first, second = propose_plan(steps.site, plan, PLANNER)
    limit("cooldown: 1h, by: [target]")
    steps.execute(first)
    assert begin(steps, second) == WAITS
    ask_again(steps.later(HOUR))
    assert begin(steps, second, HOUR) == RUNS


@pytest.mark.parametrize(
    "text",
    [
        "hosts: 1",  # in one change: that stays so
        "hosts: 1, at: once",
        "share: 20%, at: once",
        "breaker: {failures: 1, within: 1h}, by: [action]",
        "concurrent: 1, by: [action]}\n- {limit: no, hosts: 1",
    ],
)
def test_what_time_does_not_mend_is_denied(steps: Steps, workers: Wish, limit: Limit, text: str) -> None:
    failed, change = steps.propose(workers("web-03")), steps.propose(workers("web-03", "db-02"))
    steps.start_and_die(failed)
    rest(steps, failed, State.FAILED)
    limit(text)
    after = steps.execute(change)
    assert after.state is State.DENIED
    assert steps.kinds(change)[-1] == "not-started"


def test_a_breaker_that_opened_denies_what_was_admitted(steps: Steps, workers: Wish, limit: Limit) -> None:
    """Whoever resets it decides what is to be tried again; nothing that stood in a queue fires off by itself."""
    limit("breaker: {failures: 1, within: 1h}, by: [action]")
    first, second = two(steps, workers)
    steps.start_and_die(first)
    rest(steps, first, State.FAILED)
    assert steps.execute(second).state is State.DENIED


def test_another_deny_beside_a_full_limit_is_a_deny(steps: Steps, workers: Wish, site: Path, limit: Limit) -> None:
    first, second = two(steps, workers)
    limit("concurrent: 1")
    rules = site / "rules" / "rules.yml"
    rules.write_text(rules.read_text() + "- {rule: no, when: {target: db-02}, then: deny, because: Closed now.}\n")
    steps.start_and_die(first)
    assert steps.execute(second).state is State.DENIED


def test_what_is_denied_while_it_waits_does_not_start(steps: Steps, workers: Wish, site: Path, limit: Limit) -> None:
    first, second = two(steps, workers)
    limit("concurrent: 1")
    steps.start_and_die(first)
    begin(steps, second)
    rules = site / "rules" / "rules.yml"
    rules.write_text(rules.read_text() + "- {rule: no, when: {target: db-02}, then: deny, because: Closed now.}\n")
    rest(steps, first, State.SUCCEEDED)
    assert steps.execute(second).state is State.DENIED


def test_a_yes_is_needed_again_if_it_expired_while_the_change_waited(steps: Steps, workers: Wish, limit: Limit) -> None:
    limit("cooldown: 2h, by: [target]")
    changes = [steps.propose(workers("web-01", value=value)) for value in ("8", "9")]
    first, second = [steps.approve(steps.preview(change)) for change in changes]
    assert steps.execute(first).state is State.SUCCEEDED
    assert begin(steps, second) == WAITS
    ask_again(steps.later(2 * HOUR))
    assert begin(steps, second, 2 * HOUR) == (State.WAITING, WaitingFor.APPROVAL)


def test_what_waits_for_a_limit_can_be_withdrawn_and_rejected(steps: Steps, workers: Wish, limit: Limit) -> None:
    changes = [steps.propose(workers(host)) for host in ("web-03", "db-02")] + [steps.propose(workers("web-03"))]
    limit("concurrent: 1")
    steps.start_and_die(changes[0])
    assert {where(steps.execute(change)) for change in changes[1:]} == {WAITS}
    assert reject(steps.site, changes[1].id, PLANNER, reason="Not now.").state is State.WITHDRAWN
    assert reject(steps.site, changes[2].id, ANN, reason="Not ever.").state is State.DENIED


def test_a_proposal_that_is_one_too_many_is_denied_as_ever_and_told_when_there_is_room(
    steps: Steps, workers: Wish, limit: Limit
) -> None:
    limit("at_most: 1, per: 1h, by: [actor]")
    first, second = two(steps, workers)
    assert (first.state, second.state) == (State.READY, State.DENIED)
    frees_at = Decision.from_json(second.decision).frees_at
    assert frees_at is not None
    assert frees_at - first.created_at == HOUR


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("at_most: 1, per: 1h, by: [actor]", r"for room in a limit, from \d{4}-\d\d-\d\d \d\d:\d\d UTC on"),
        ("concurrent: 1", "for room in a limit, which others have to make"),
    ],
)
def test_people_are_told_what_it_waits_for(
    steps: Steps, workers: Wish, site: Path, limit: Limit, text: str, told: str
) -> None:
    first, second = two(steps, workers)
    limit(text)
    begin(steps, first)
    begin(steps, second)
    shown = CliRunner().invoke(cli, ["-C", str(site), "changes", "show", second.id], obj=Gate.open).output
    assert shown.startswith("waiting")  # though the verdict is a deny
    assert "limit/few: The limit few is reached." in shown
    assert re.search(told, shown)


def test_every_decision_on_the_way_can_be_made_again(steps: Steps, workers: Wish, limit: Limit) -> None:
    from gate.ledger.entry import Entry
    from gate.ledger.store import bodies
    from gate.policy.policy import Policy
    from gate.policy.tools.recorded import records
    from gate.policy.tools.replay import replay

    first, second = two(steps, workers)
    limit("at_most: 1, per: 1h, by: [actor]")
    begin(steps, first)
    begin(steps, second)
    with steps.gate.database.read() as connection:
        entries = [Entry.parse(body) for _, body, _ in bodies(connection)]
    found = replay(records(entries), lambda name: Policy.load(steps.gate.archive.get(name).folder))
    assert (found.agreed, found.disagreements) == (3, ())
    before = [one.history(one.at - HOUR).changes for one in records(entries)]
    assert [[past.id for past in changes] for changes in before] == [[], [first.id], [first.id]]
    assert [past.started_at is not None for changes in before[1:] for past in changes] == [False, True]


def test_what_waits_for_room_goes_on_by_itself(
    gate: Gate, limit: Limit, ask: Callable[..., Change], workers: Wish, app_ini: Callable[[str], Path]
) -> None:
    limit("cooldown: 2s, by: [target]")
    first, second = (ask(workers("web-01", value=value)) for value in ("8", "9"))
    for change in (first, second):
        gate.wait(change.id, 60)  # until it has its preview
        gate.approve(change.id, binding=gate.card(change.id).binding)
    deadline = time.monotonic() + 60
    while gate.change(second.id).state is not State.SUCCEEDED and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [gate.change(change.id).state for change in (first, second)] == [State.SUCCEEDED] * 2
    assert "workers = 9" in app_ini("web-01").read_text()
    ended = next(entry.at for entry in gate.story(first.id) if entry.kind == "succeeded")
    began = next(entry.at for entry in gate.story(second.id) if entry.kind == "started")
    assert from_stamp(began) - from_stamp(ended) >= timedelta(seconds=2)
    assert "limit-frees" in [entry.kind for entry in gate.story(second.id)]
