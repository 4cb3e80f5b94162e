"""Runs a script behind a closed door: `python -I confine.py SCRIPT` reads it, locks the process in, calls its `main()`.

Whatever the script needs it has to import and read while it is read in. From then on the process can compute, read
from and write to the pipes it was born with, and end. The kernel refuses everything else: it opens no file, has no
network, starts no program and no process, signals nobody and asks nothing about the machine (`seccomp`). Below that
lie limits that hold where the kernel has no such filter. `main(door)` is told which of the two it got.

Started by `evaluator`, never imported: it knows neither the gate nor the engine.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import runpy
import sys

FILTER, LIMITS = "seccomp", "limits"
MEMORY = 1024**3  # of address space; 4,000 rules take 0.12 of it
_GIVE_UP_PRIVILEGES, _DUMPABLE, _SECCOMP, _FILTER_MODE = 38, 4, 22, 2  # of prctl

# the numbers of the calls that are allowed
_READ_WRITE_END = {"x86_64": (0, 1, 3, 60, 231), "aarch64": (63, 64, 57, 93, 94)}  # close and exit_group too
_LOOK_OUT = {
    "x86_64": (23, 270),
    "aarch64": (72,),
}  # select and pselect6; poll refuses where no more files may be opened
_MEMORY = {"x86_64": (11, 12, 25, 28), "aarch64": (215, 214, 216, 233)}  # munmap, brk, mremap, madvise
_OWN = {  # rt_sigaction, rt_sigprocmask, rt_sigreturn, setitimer, futex, clock_gettime, gettimeofday, getrandom
    "x86_64": (13, 14, 15, 38, 202, 228, 96, 318),
    "aarch64": (134, 135, 139, 103, 98, 113, 169, 278),
}
_MAPPING = {"x86_64": (9, 10), "aarch64": (222, 226)}  # mmap, mprotect: only for memory that runs no code
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # the filter's own instructions
_NUMBER, _ARCH, _THIRD_ARGUMENT = 0, 4, 32  # where they find what
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refused is EPERM
_RUNS_CODE = 4  # PROT_EXEC


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("first", ctypes.POINTER(_Instruction)))


def close_the_door() -> str:
    """Locks this process in, for good. Returns FILTER, or LIMITS where the kernel or the machine has no filter."""
    os.chdir("/")
    os.closerange(3, 1 << 16)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_GIVE_UP_PRIVILEGES, 1, 0, 0, 0)
    libc.prctl(_DUMPABLE, 0, 0, 0, 0)  # nobody of the same user looks into it or steers it
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),  # none more than the pipes it has
        (resource.RLIMIT_AS, MEMORY),
    ):
        resource.setrlimit(what, (most, most))
    return FILTER if _filtered(libc, platform.machine()) else LIMITS


def _filtered(libc: ctypes.CDLL, machine: str) -> bool:
    if machine not in _ARCHITECTURE:
        return False
    lines = [_Instruction(*line) for line in _instructions(machine)]
    program = _Program(len(lines), (_Instruction * len(lines))(*lines))
    return bool(libc.prctl(_SECCOMP, _FILTER_MODE, ctypes.byref(program), 0, 0) == 0)


def _instructions(machine: str) -> list[tuple[int, int, int, int]]:
    """The filter: yes and no say how many instructions are left out then."""
    allowed = _READ_WRITE_END[machine] + _LOOK_OUT[machine] + _MEMORY[machine] + _OWN[machine]
    lines = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, _ARCHITECTURE[machine]), (_RETURN, 0, 0, _KILL)]
    lines.append((_LOAD, 0, 0, _NUMBER))
    for call in allowed:
        lines += [(_EQUAL, 0, 1, call), (_RETURN, 0, 0, _ALLOW)]
    for call in _MAPPING[machine]:
        lines += [(_EQUAL, 0, 4, call), (_LOAD, 0, 0, _THIRD_ARGUMENT)]
        lines += [(_ANY_BIT, 0, 1, _RUNS_CODE), (_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    return [*lines, (_RETURN, 0, 0, _REFUSE)]


if __name__ == "__main__":
    main = runpy.run_path(sys.argv[1])["main"]
    sys.exit(main(close_the_door()))
