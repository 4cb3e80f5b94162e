"""What holds the processes of a run, and all that they start: they gain no rights, take no more than they may, and
leave no memory behind.

What is set here is inherited and cannot be taken back. It serves under a host's interpreter too, so it has nothing but
the standard library.
"""

from __future__ import annotations

import ctypes
import os
import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# tell a warm server what the site allows
MAY_GAIN = "GATE_MAY_GAIN_PRIVILEGES"
LIMITS = "GATE_LIMITS"
_NO_NEW_PRIVILEGES = 38  # of prctl


def hold(*, may_gain: bool, limits: Mapping[int, int]) -> None:
    """Holds this process: its files are its user's alone, a crash writes no memory down, no program raises its rights.

    With `may_gain` sudo and the like still work here, for hosts with a local connection. `limits` are by RLIMIT_; one
    that is lower already stays.

    Raises:
        OSError, ValueError: the kernel does not do it.
    """
    os.umask(0o077)
    for which, amount in {**limits, resource.RLIMIT_CORE: 0}.items():
        _, hard = resource.getrlimit(which)
        most = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(which, (most, most))
    if not may_gain and ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel does not keep a process from gaining privileges")


def hold_as_told() -> None:
    """The same in a warm server, whose environment says what the site allows. Raises OSError, ValueError."""
    pairs = (pair.split("=") for pair in os.environ.pop(LIMITS, "").split())
    limits = {int(which): int(amount) for which, amount in pairs}
    hold(may_gain=os.environ.pop(MAY_GAIN, "") == "yes", limits=limits)


def told(*, may_gain: bool, limits: Mapping[int, int]) -> dict[str, str]:
    """What `hold_as_told` reads."""
    given = {LIMITS: " ".join(f"{which}={amount}" for which, amount in limits.items())}
    return {**given, MAY_GAIN: "yes"} if may_gain else given
