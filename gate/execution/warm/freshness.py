"""What a server imported or read at its start, to be compared with what lies on disk when it is asked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import ansible.release  # tiny: it says where Ansible lies

Seen = tuple[tuple[str, int, int, int], ...]


def look(paths: Iterable[str | Path], *, depth: int) -> Seen:
    """Name, time, size and inode of each path, and of what is in it so many levels deep; of a missing one, its name."""
    return tuple(found for path in paths for found in _look(os.fspath(path), depth))


def installed(config: str) -> Seen:
    """Ansible, the packages beside it, and its configuration."""
    package = Path(ansible.release.__file__).parent
    return look([package.parent, package / "release.py", config], depth=0)


def _look(path: str, depth: int) -> Iterator[tuple[str, int, int, int]]:
    try:
        seen = os.stat(path)
    except OSError:
        yield path, 0, 0, 0
        return
    yield path, seen.st_mtime_ns, seen.st_size, seen.st_ino
    if depth and os.path.isdir(path):
        with os.scandir(path) as entries:
            below = sorted(entry.path for entry in entries if entry.name != "__pycache__")
        for inner in below:
            yield from _look(inner, depth - 1)
