"""Who acts: a human, an agent or a schedule. Identity comes from a credential, never from an argument."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.@-]{0,63}")


class ActorKind(StrEnum):
    HUMAN = "human"
    AGENT = "agent"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class Actor:
    """`kind:name`, as in `agent:planner`. Only the gate's own doors make one."""

    kind: ActorKind
    name: str

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"{self.name!r} is no actor's name; use a-z, 0-9, _ . @ - (64 characters at most)")

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Actor:
        """The inverse of `str`.

        Raises:
            ValueError: an unknown kind or a wrong name.
        """
        kind, _, name = text.partition(":")
        return cls(ActorKind(kind), name)
