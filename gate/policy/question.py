"""What the policy is asked, and what it has to know of the past. Made by the gate, never by the one who asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gate.values.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine as the inventory describes it; `environment` and `criticality` are "none" where it says nothing.

    `tags` is None where nobody knows them, as of a decision that was recorded without them: a rule that asks for one
    then cannot be decided, and so denies.
    """

    name: str
    groups: frozenset[str]
    environment: str = "none"
    criticality: str = "none"
    tags: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Asks whether `actor` may do `action` on these hosts.

    `parameters` are complete and typed. `risk` is 0 to 100; `reversibility` and `check` are full, partial or none;
    `undo` says that an earlier change is taken back; `starting`, that it is asked again at the moment of its start;
    `timeout_s` is how long the change may take.
    `sizes` is how many hosts there are: of a group under `group.NAME`, of an environment under `environment.NAME`,
    of all under the empty name.

    Raises:
        ValueError: a host is named twice, so that one would hide behind the other.
    """

    action: str
    risk: int
    reversibility: str
    check: str
    certified: bool
    actor: Actor
    hosts: tuple[Host, ...]
    undo: bool = False
    starting: bool = False
    sizes: Mapping[str, int] = field(default_factory=dict)
    timeout_s: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len({host.name for host in self.hosts}) != len(self.hosts):
            raise ValueError("a question names a host twice")


# by the names of gate.changes: what waits has touched nothing yet, what is under way has its hosts
UNDER_WAY = frozenset({"running", "undoing", "unknown"})
OPEN = UNDER_WAY | {"waiting", "ready"}
RAN = frozenset({"succeeded", "failed", "undone", "undo_failed"})
FAILED = frozenset({"failed", "unknown"})  # what is undone or undo_failed says by `failed_at` whether it failed itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One earlier change: when it was asked for, by whom (`agent:planner`), what and where, and what became of it.

    `known` describes its hosts as they were when it was decided; a host that is not in it could have been anywhere.
    `started_at` is when it began, if that is known and it did; `failed_at` is when it failed last, even if it was taken
    back since. `undo_of` is the id of what it takes back.
    """

    at: datetime
    actor: str
    action: str
    hosts: tuple[str, ...]
    id: str = ""
    state: str = "succeeded"
    started_at: datetime | None = None
    finished_at: datetime | None = None
    failed_at: datetime | None = None
    undo_of: str | None = None
    known: Mapping[str, Host] = field(default_factory=dict)

    @property
    def start(self) -> datetime | None:
        """When it began; None if it has not, or never did."""
        return (self.started_at or self.at) if self.state in UNDER_WAY | RAN else None

    @property
    def finish(self) -> datetime | None:
        """When it came to rest; None if it has not, or never ran."""
        return (self.finished_at or self.at) if self.state in RAN else None

    @property
    def failure(self) -> datetime | None:
        """When it failed last; None if it never did, as far as is known."""
        return self.failed_at or (self.finished_at or self.at if self.state in FAILED else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookback:
    """How far back a history has to reach, and for what: changes of the same actor, of the same action, on the same
    hosts, and all changes; and those that failed, of the same actor, action and hosts. `open` says that all that is not
    at rest has to be there too, `sizes` that the question has to say how many hosts there are.
    """

    actor: timedelta = timedelta(0)
    action: timedelta = timedelta(0)
    target: timedelta = timedelta(0)
    every: timedelta = timedelta(0)
    failed_actor: timedelta = timedelta(0)
    failed_action: timedelta = timedelta(0)
    failed_target: timedelta = timedelta(0)
    open: bool = False
    sizes: bool = False

    def __or__(self, other: Lookback) -> Lookback:
        return Lookback(
            actor=max(self.actor, other.actor),
            action=max(self.action, other.action),
            target=max(self.target, other.target),
            every=max(self.every, other.every),
            failed_actor=max(self.failed_actor, other.failed_actor),
            failed_action=max(self.failed_action, other.failed_action),
            failed_target=max(self.failed_target, other.failed_target),
            open=self.open or other.open,
            sizes=self.sizes or other.sizes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The changes that were not denied; the order does not matter. `resets` is when a breaker was reset: (name, key).

    `lookback` is how far it reaches; None means that nothing was left out.
    """

    changes: tuple[Past, ...] = ()
    resets: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    lookback: Lookback | None = None
