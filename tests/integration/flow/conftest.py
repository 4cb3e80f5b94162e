from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.app import Gate
from gate.changes.model import Change
from gate.execution.executor import RunnerExecutor
from gate.execution.warm.pool import Pool
from gate.flow import runs
from gate.flow.approve import approve
from gate.flow.execute import execute, start
from gate.flow.ports import Site
from gate.flow.preview import preview
from gate.flow.submit import propose
from gate.intent import Intent
from gate.values.actor import Actor, ActorKind
from gate.warrant.model import Warrant

MANIFEST = """\
risk: 10
targets: {{max_hosts: 5}}
reversibility: full
check: full
on_failure: {on_failure}
timeout_s: 120
grace_s: 5
owner: tests
"""
META = """\
short_description: Take steps, each of which waits until it is let go.
description: Take steps, each of which waits until it is let go.
argument_specs:
  steps:
    short_description: Steps
    options:
      note: {type: str, default: none, description: Nothing., pattern: '[a-z]+', max_length: 9}
"""
# each run leaves a mark when its slow task is at work, and another when it got past it
PLAY = """\
- name: Steps
  hosts: all
  gather_facts: false
  tasks:
{first}    - name: Work
      ansible.builtin.shell: >-
        touch {{{{ gate_root }}}}/{phase}-at-work;
        while [ ! -e {{{{ gate_root }}}}/{phase}-go ]; do sleep 0.05; done; touch {{{{ gate_root }}}}/{phase}-done
      changed_when: {changed}
"""
EVIDENCE = """\
    - name: Record the evidence
      ansible.builtin.set_stats:
        data: {undo: {resources: [steps]}}
        per_host: true
        aggregate: false
"""


class Action:
    """An action whose runs wait: `at_work` waits until one does, `let` lets it go on."""

    def __init__(self, site: Path) -> None:
        self.site, self.folder = site, site / "playbooks" / "steps"
        self.write()

    def write(self, *, on_failure: str = "undo", verify: bool = True) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "action.yml").write_text(MANIFEST.format(on_failure=on_failure))
        (self.folder / "do.meta.yml").write_text(META)
        for phase, first, changed in (("do", EVIDENCE, "true"), ("undo", "", "true"), ("verify", "", "false")):
            text = PLAY.format(first=first, phase=phase, changed=changed)
            (self.folder / f"{phase}.yml").write_text(text)
        if not verify:
            (self.folder / "verify.yml").unlink()

    def mark(self, name: str, host: str = "web-03") -> Path:
        return self.site / "hosts" / host / name

    def at_work(self, phase: str) -> None:
        eventually(self.mark(f"{phase}-at-work").exists)

    def let(self, *phases: str) -> None:
        for phase in phases:
            self.mark(f"{phase}-go").touch()

    def done(self, phase: str) -> bool:
        return self.mark(f"{phase}-done").exists()


def eventually(found: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass(frozen=True)
class Later:
    """A clock that is ahead."""

    by: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


class Steps:
    """A site in which nothing happens by itself: each step of the story is taken by hand."""

    def __init__(self, gate: Gate, pool: Pool) -> None:
        self.gate = gate
        executor = RunnerExecutor(gate.site.state, pool, gate.folder.run)
        self.site = replace(gate.site, executor=executor)

    def propose(self, wish: Intent) -> Change:
        return propose(self.site, wish, Actor(ActorKind.AGENT, "planner"))

    def preview(self, change: Change) -> Change:
        preview(self.site, change.id)
        return self.gate.change(change.id)

    def approve(self, change: Change, name: str = "alice") -> Change:
        now = self.gate.change(change.id)
        return approve(self.site, change.id, Actor(ActorKind.HUMAN, name), binding=now.binding)

    def approved(self, wish: Intent) -> Change:
        return self.approve(self.preview(self.propose(wish)))

    def execute(self, change: Change, later: timedelta = timedelta()) -> Change:
        execute(self.later(later), change.id)
        return self.gate.change(change.id)

    def later(self, by: timedelta) -> Site:
        return replace(self.site, clock=Later(by))

    def start_and_die(self, change: Change) -> Warrant:
        """Starts a change in an executor that is dead before it could run anything."""
        dead = replace(self.site, executor_id="nobody.1.00000000")
        with dead.database.write() as connection:
            warrant = start(dead, connection, change.id, dead.inventory(), dead.clock.now())
        assert warrant is not None
        return warrant

    def run(self, warrant: Warrant) -> None:
        """Runs a warrant, and dies before its end is written down."""
        from gate.warrant.sign import sign

        self.site.executor.run(warrant.run_id, sign(warrant, self.site.warrant_key), warrant.hosts, lambda _event: None)

    @contextmanager
    def executing(self, change: Change) -> Iterator[None]:
        """Carries a change out in another thread; leaving waits for it."""
        thread = threading.Thread(target=execute, args=(self.site, change.id))
        thread.start()
        try:
            yield
        finally:
            thread.join(120)
        assert not thread.is_alive()

    def check_the_books(self) -> None:
        report, others = self.gate.verify()
        assert report.sound
        assert others == []

    def kinds(self, change: Change) -> list[str]:
        """The kinds of its entries; of how its runs went on there may be one or several."""
        return [entry.kind for entry in self.gate.story(change.id) if entry.kind != "progress"]

    def phases(self, change: Change) -> list[str]:
        with self.gate.database.read() as connection:
            return [run.phase.value for run in runs.of_change(connection, change.id)]


@pytest.fixture
def steps(site: Path, warm_pool: Pool) -> Iterator[Steps]:
    with Gate.open(site, works=False) as gate:
        yield Steps(gate, warm_pool)


@pytest.fixture
def action(site: Path) -> Action:
    """The action `steps`, in the catalog of the site."""
    return Action(site)


@pytest.fixture
def wish() -> Intent:
    """The wish for `steps` on web-03."""
    return Intent.of("steps", ["web-03"])


@pytest.fixture(name="eventually")
def _eventually() -> Callable[[Callable[[], object]], None]:
    return eventually
