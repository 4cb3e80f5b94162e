"""The digest of an action's folder: what was approved and what runs are the same bytes.

Over the sorted relative path, the executable bit and the content of every file. Caches are left out; links and
special files are refused, because their content lies elsewhere. A copy of `files_of` that keeps modes has the same
digest, and nothing in it that has none.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from gate.catalog.finding import broken
from gate.values.canonical import digest, digest_bytes

CACHES = frozenset({"__pycache__", ".ansible"})


def digest_folder(folder: Path) -> str:
    """`sha256:...` over every file of `folder`.

    Raises:
        BrokenActionError: rule `folder` at a link, a special file or what cannot be read.
    """
    return digest([_entry(folder, name) for name in files_of(folder)])


def digest_undo(folder: Path) -> str:
    """`sha256:...` over undo.yml alone; that of nothing where there is none."""
    return digest([_entry(folder, name) for name in files_of(folder) if name == "undo.yml"])


def files_of(folder: Path) -> list[str]:
    """The relative paths of all files, sorted, with `/` between.

    Raises:
        BrokenActionError: as `digest_folder`.
    """
    if folder.is_symlink():
        raise broken(folder, 1, "folder", "the action's folder is a link")
    return sorted(_walk(folder, ""))


def _walk(folder: Path, below: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder / below))
    except OSError as wrong:
        raise broken(folder / below, 1, "folder", f"the folder cannot be read ({wrong.strerror})") from None
    for entry in entries:
        name = f"{below}{entry.name}"
        if entry.name in CACHES:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder, f"{name}/")
        elif entry.is_file(follow_symlinks=False):
            yield name
        else:
            raise broken(folder / name, 1, "folder", "this is a link or a special file")


def _entry(folder: Path, name: str) -> list[str | bool]:
    try:
        # the link could have come after the walk
        with os.fdopen(os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as stream:
            executable = bool(os.fstat(stream.fileno()).st_mode & stat.S_IXUSR)
            return [name, executable, digest_bytes(stream.read())]
    except OSError as wrong:
        raise broken(folder / name, 1, "folder", f"the file cannot be read ({wrong.strerror})") from None
