"""Who died, when a run has no end: told apart by what the worker signed before it began. Pure.

A lease says which process held it, when that process was started and in which boot of the machine. The lock itself is
the kernel's, and is gone with the process: so somebody who has it knows that the worker is dead.
"""

from __future__ import annotations

from enum import StrEnum

from gate.values.lease import Owner


class Death(StrEnum):
    """What is said of a run whose end nobody saw."""

    MACHINE = "The machine went down while the run was at work."
    WORKER = "The worker died while the run was at work; what was left of Ansible was ended."
    SOMEBODY = "The run has no end, and nobody signed for it."


def death(owner: Owner | None, boot: str) -> Death:
    """How a run was lost that `owner` had signed for, seen in this `boot` of the machine."""
    if owner is None:
        return Death.SOMEBODY
    return Death.WORKER if owner.boot == boot else Death.MACHINE
