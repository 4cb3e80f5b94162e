from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.app import Gate
from gate.changes.model import Change
from gate.flow import runs
from gate.flow.approve import approve
from gate.flow.execute import execute, start
from gate.flow.ports import Site
from gate.flow.preview import preview
from gate.flow.submit import propose
from gate.intent import Intent
from gate.values.actor import Actor, ActorKind
from gate.warrant.model import Warrant


@dataclass(frozen=True)
class Later:
    """A clock that is ahead."""

    by: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


class Steps:
    """A site in which nothing happens by itself: each step of the story is taken by hand."""

    def __init__(self, gate: Gate) -> None:
        self.gate, self.site = gate, gate.site

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

    def kinds(self, change: Change) -> list[str]:
        return [entry.kind for entry in self.gate.story(change.id)]

    def phases(self, change: Change) -> list[str]:
        with self.gate.database.read() as connection:
            return [run.phase.value for run in runs.of_change(connection, change.id)]


@pytest.fixture
def steps(site: Path) -> Iterator[Steps]:
    with Gate.open(site, works=False) as gate:
        yield Steps(gate)
