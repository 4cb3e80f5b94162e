"""What the policy is asked, and what it has to know of the past. Made by the gate, never by the one who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gate.values.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine as the inventory describes it; `environment` and `criticality` are "none" where it says nothing."""

    name: str
    groups: frozenset[str]
    environment: str = "none"
    criticality: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Asks whether `actor` may do `action` on these hosts.

    `risk` is 0 to 100; `reversibility` and `check` are full, partial or none; `undo` says that an earlier change
    is taken back.

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

    def __post_init__(self) -> None:
        if len({host.name for host in self.hosts}) != len(self.hosts):
            raise ValueError("a question names a host twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One earlier change: when it was asked for, by whom (`agent:planner`), what and where."""

    at: datetime
    actor: str
    action: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The changes that were not denied, at least as far back as `Policy.horizon`; the order does not matter."""

    changes: tuple[Past, ...] = ()
