"""A file that is replaced in one step, with the old file itself (its inode) kept beside it to come back.

Beside FILE a change keeps the directory `.FILE.TOKEN.kept` (0700): `old`, the old file (0600), and `seal`, the
SHA-256 of the new content, by which undo sees that the file is still what the change left. The seal stays on the
host: evidence has no digest of any secret, because an old one may be short enough to guess.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat

KEPT_NAME = re.compile(r"\.[A-Za-z0-9._-]+\.[0-9a-f]{16}\.kept")


class Refused(Exception):
    """A reason not to go on. Nothing was changed."""


class Keep:
    """The directory beside the file in which a change keeps what undo needs."""

    def __init__(self, file, name):
        if not KEPT_NAME.fullmatch(name):
            raise Refused("The evidence is not what this action records.")
        self.place = os.path.join(os.path.dirname(file), name)
        self.old = os.path.join(self.place, "old")
        self.new = os.path.join(self.place, "new")  # gone again when the change is through
        self.seal = os.path.join(self.place, "seal")
        self.roles = os.path.join(self.place, "roles")  # what a database had before; a mere file has none

    def remove(self):
        for place in (self.new, self.old, self.seal, self.roles):
            if os.path.lexists(place):
                os.unlink(place)
        if os.path.isdir(self.place):
            os.rmdir(self.place)


# Looking


def place_of(root, path):
    """Where `path` is on this machine. A symlink on the way, or a `..`, is refused."""
    top = os.path.realpath(root or "/")
    if not os.path.isabs(root or "/") or not os.path.isdir(top):
        raise Refused(f"gate_root must be a directory that is there, with its full path; it is {root!r}.")
    place = os.path.join(top, path.lstrip("/"))
    if not path.startswith("/") or os.path.realpath(place) != place:
        raise Refused(f"{path} is not a plain absolute path: a symlink or '..' is on the way. Name the real file.")
    if not os.path.isdir(os.path.dirname(place)):
        raise Refused(
            f"The directory of {path} is not there. Make it first, with the owner and mode that it should have."
        )
    return place


def state_of(place):
    """lstat of the regular file, None if there is nothing."""
    try:
        state = os.lstat(place)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(state.st_mode):
        raise Refused(f"{place} is not a regular file.")
    return state


def mark_of(state):
    """By what a file is known again without looking into it. Text, since nanoseconds exceed what JSON numbers carry."""
    if state is None:
        return None
    return {"inode": str(state.st_ino), "mtime_ns": str(state.st_mtime_ns), "mode": mode_of(state)}


def mode_of(state):
    return f"{stat.S_IMODE(state.st_mode):04o}"


def is_same(state, mark):
    """The same file, unwritten since; its mode may differ, because a kept file is made private."""
    now = mark_of(state)
    if now is None or mark is None:
        return now is mark
    return (now["inode"], now["mtime_ns"]) == (mark["inode"], mark["mtime_ns"])


def digest_of(place):
    with open(place, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


# Changing


def write_private(place, data):
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, 0o600)
        file.write(data)
        file.flush()
        os.fsync(handle)


def prepare(keep, data):
    """Writes the new content beside the file, which is left alone."""
    os.mkdir(keep.place, 0o700)
    write_private(keep.seal, hashlib.sha256(data).hexdigest().encode())
    write_private(keep.new, data)


def swap(file, before, keep, mode=0o600):
    """The switch is one rename; whatever breaks before it leaves the file alone, and undo removes the rest."""
    if before is not None:
        if (before.st_uid, before.st_gid) != (os.stat(keep.new).st_uid, os.stat(keep.new).st_gid):
            os.chown(keep.new, before.st_uid, before.st_gid)
        os.link(file, keep.old)
    os.chmod(keep.new, mode)
    os.rename(keep.new, file)
    if before is not None:
        os.chmod(keep.old, 0o600)


# Going back


def refuse_stale(path, file, now, keep, before, mode="0600"):
    """The file must be what the change left, and the kept one must be untouched."""
    if not os.path.isdir(keep.place) or os.path.islink(keep.place):
        raise Refused(f"stale: what was kept of {path} is gone. Nothing was restored.")
    with open(keep.seal, encoding="ascii") as seal:
        if now is None or mode_of(now) != mode or digest_of(file) != seal.read():
            raise Refused(f"stale: {path} is no longer as the change left it. Nothing was restored.")
    if before is not None and not is_same(state_of(keep.old), before):
        raise Refused(f"stale: the old file of {path} is gone or was changed. Nothing was restored.")


def put_back(file, keep, before, already):
    """The old file as it was, or none; `already` says that it is in its place. What is kept stays."""
    if before is None and not already:
        os.unlink(file)
    elif before is not None:
        os.chmod(file if already else keep.old, int(before["mode"], 8))
        if not already:
            os.rename(keep.old, file)
