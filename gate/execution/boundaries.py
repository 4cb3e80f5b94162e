"""What holds the processes of a run, and all that they start: they gain no rights and leave no memory behind.

What is set here is inherited and cannot be taken back. It serves under a host's interpreter too, so it has nothing but
the standard library.
"""

from __future__ import annotations

import ctypes
import os
import resource

MAY_GAIN = "GATE_MAY_GAIN_PRIVILEGES"  # tells a warm server what the site allows
_NO_NEW_PRIVILEGES = 38  # of prctl


def hold(*, may_gain: bool) -> None:
    """Holds this process: its files are its user's alone, a crash writes no memory down, no program raises its rights.

    With `may_gain` sudo and the like still work here, for hosts with a local connection.

    Raises:
        OSError: the kernel does not do it.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not may_gain and ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel does not keep a process from gaining privileges")


def hold_as_told() -> None:
    """The same in a warm server, whose environment says what the site allows. Raises OSError."""
    hold(may_gain=os.environ.pop(MAY_GAIN, "") == "yes")
