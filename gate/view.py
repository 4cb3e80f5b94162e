"""`View`: what can be seen of one open site. Nothing here changes anything."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gate.assembly import OpenSite
from gate.changes import store
from gate.changes.halt import Halt, standing
from gate.changes.model import AT_REST, Change, State
from gate.dispatch.bells import next_look_s
from gate.identity import tokens
from gate.identity.scopes import Identity
from gate.intent import Intent
from gate.ledger import store as ledger
from gate.ledger.entry import Entry
from gate.values.actor import Actor
from gate.values.keys import public_key

if TYPE_CHECKING:
    from gate.flow.card import Card
    from gate.flow.events import Told
    from gate.flow.halt import Standstill
    from gate.ledger.verify import Problem, Report
    from gate.policy.limits.breaker import Standing

FOLLOW_S = 0.05  # how often somebody who follows a change looks


class View(OpenSite):
    """One open site, for whoever looks."""

    @property
    def actor(self) -> Actor:
        """In whose name deeds are done."""
        return self.identity.actor

    def change(self, change_id: str) -> Change:
        """The change of this id, or of an unambiguous beginning of it."""
        with self.database.read() as connection:
            return store.get(connection, change_id)

    def changes(self, count: int = 20, *, state: State | None = None, host: str | None = None) -> list[Change]:
        """The newest changes, newest first."""
        with self.database.read() as connection:
            return store.latest(connection, count, state, host)

    def story(self, change_id: str) -> list[Entry]:
        """All that the ledger says about a change, oldest first."""
        with self.database.read() as connection:
            return ledger.of_change(connection, store.get(connection, change_id).id)

    def events(self, change_id: str, after: int = 0, *, words: bool = True) -> Told:
        """What is told of a change after entry number `after`. See gate.flow.events."""
        from gate.flow.events import read

        with self.database.read() as connection:
            return read(connection, change_id, after, words=words)

    def follow(self, change_id: str, after: int = 0, timeout_s: float | None = None) -> Iterator[Told]:
        """What is told of a change from entry number `after` on, as it comes, until it is at rest or the time is over.

        Each part comes with the change as it is then, even if there is nothing new.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            told = self.events(change_id, after)
            yield told
            after = told.last
            if told.ended or (deadline is not None and time.monotonic() >= deadline and not told.more):
                return
            if not told.more:
                time.sleep(FOLLOW_S)

    def runs(self, change_id: str) -> list[dict[str, Any]]:
        """The runs of a change, oldest first: `id`, `phase`, and `outcome` (None while it goes on)."""
        from gate.flow import runs

        with self.database.read() as connection:
            found = runs.of_change(connection, store.get(connection, change_id).id)
        return [run.as_json() for run in found]

    def decide(self, intent: Intent, *, at: datetime | None = None, actor: Actor | None = None) -> dict[str, Any]:
        """What the policy would say: `hosts` and `decision`. Nothing is stored, nothing runs.

        Left out, it is about now, and about whoever has opened the site.
        """
        from gate.flow.decide import dry_run

        admitted, decision = dry_run(self.site, intent, actor or self.actor, at=at)
        return {"hosts": [host.name for host in admitted.hosts], "decision": decision.as_json()}

    def breakers(self) -> list[Standing]:
        """How the breakers stand, for everything of which something failed since it was reset."""
        from gate.flow.breaker import breakers

        return breakers(self.site)

    def halted(self) -> Halt | None:
        """The halt that stands now: as long as it does, nothing starts."""
        with self.database.read() as connection:
            return standing(connection)

    def standstill(self, change_ids: Sequence[str]) -> Standstill:
        """How far the changes that a halt stops have come to a stand."""
        from gate.flow.halt import standstill

        return standstill(self.site, change_ids)

    def entries(self, count: int) -> list[Entry]:
        """The newest entries of the ledger, oldest first."""
        with self.database.read() as connection:
            return ledger.latest(connection, count)

    def card(self, change_id: str) -> Card:
        """What a person sees before a yes."""
        from gate.flow.card import card

        return card(self.site, change_id)

    def wait(self, change_id: str, timeout_s: float | None = None, *, approval: bool = False) -> Change:
        """Waits until the change is at rest, or waits for people; with `approval`, until people have spoken too."""
        began, rung = time.monotonic(), threading.Event()
        change_id = self.change(change_id).id  # it may be the beginning of one
        with self.bells.heard(change_id, rung.set):
            while True:
                rung.clear()
                change = self.change(change_id)
                if change.state in AT_REST or (not approval and change.settled):
                    return change
                waited_s = time.monotonic() - began
                left_s = math.inf if timeout_s is None else timeout_s - waited_s
                if left_s <= 0:
                    return change
                rung.wait(min(next_look_s(waited_s), left_s))

    def identify(self, token: str) -> Identity:
        """Whom a token stands for. Raises IdentityError."""
        with self.database.read() as connection:
            return tokens.authenticate(connection, token, self.clock.now())

    def verify(self) -> tuple[Report, list[Problem]]:
        """Checks the ledger, its checkpoints and every sealed artifact; all of it, computed anew."""
        from gate.ledger.audit import audit

        key = public_key(self.folder.state / "keys", "ledger")
        return audit(self.database, self.notes, key, self.folder.state)
