"""What is to happen in one run of chaos: drawn from the seed and its number alone, so that it can be repeated."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Any

from victims import ALL, ANY, ROLES

OUTCOMES = ("well", "well", "verify-fails", "do-fails")
DEEDS = ("kill", "kill", "kill", "kill", "group", "stop")


@dataclass(frozen=True)
class Strike:
    """At `share` of the time that a whole change takes, `deed` is done to a process with this role.

    Where there is none yet, it is done to the first that comes. A stopped one goes on after `pause_s`.
    """

    role: str
    deed: str
    share: float
    pause_s: float


@dataclass(frozen=True)
class Case:
    """A change that is `meant` to end in some way and works for `pause_ms`, and what befalls it."""

    number: int
    meant: str
    pause_ms: int
    strikes: tuple[Strike, ...]
    down_s: float  # how long the gate stays away after it was killed
    undo: bool  # whether an operator takes back what he has settled

    @property
    def tag(self) -> str:
        return f"chaos-{self.number}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def draw(seed: int, number: int) -> Case:
    """The case of this number."""
    chosen = random.Random(f"{seed}:{number}")
    count = 1 if chosen.random() < 0.75 else 2
    return Case(
        number=number,
        meant=chosen.choice(OUTCOMES),
        pause_ms=chosen.choice((0, 100, 300)),
        strikes=tuple(sorted((_strike(chosen) for _ in range(count)), key=lambda one: one.share)),
        down_s=chosen.choice((0.0, 0.0, 0.5)),
        undo=chosen.random() < 0.5,
    )


def _strike(chosen: random.Random) -> Strike:
    role = chosen.choice((*ROLES, ANY, ALL))
    deed = "kill" if role == ALL else chosen.choice(DEEDS)
    return Strike(role=role, deed=deed, share=chosen.random(), pause_s=0.1 + 1.4 * chosen.random())
