"""Artifacts of runs, sealed by digest: the list of files and hashes goes into the ledger entry of the run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gate.ledger.entry import Entry
from gate.ledger.verify import Problem

Manifest = dict[str, Any]  # {"folder": "runs/run-...", "files": {"stdout": "<64 hex digits>", ...}}


def seal(folder: Path, *, under: Path) -> Manifest:
    """The manifest of every file in `folder`, named relative to `under`. Symbolic links are sealed by their target."""
    files = {str(path.relative_to(folder)): _hash(path) for path in sorted(_files(folder))}
    return {"folder": str(folder.relative_to(under)), "files": files}


def verify(entries: Iterable[Entry], root: Path) -> list[Problem]:
    """Compares every sealed folder below `root` with the manifest in its ledger entry."""
    problems: list[Problem] = []
    for entry in entries:
        manifest = entry.data.get("artifacts")
        if isinstance(manifest, dict):
            problems += [
                Problem(entry.seq, f"Entry {entry.seq} ({entry.kind} of {entry.change_id}): {what}")
                for what in _differences(manifest, root)
            ]
    return problems


def _differences(manifest: Manifest, root: Path) -> list[str]:
    folder = root / manifest["folder"]
    expected = manifest["files"]
    found = {str(path.relative_to(folder)): path for path in _files(folder)}
    wrong = [f"artifact {name} is missing from {folder}." for name in sorted(expected.keys() - found.keys())]
    wrong += [f"artifact {name} was added to {folder}." for name in sorted(found.keys() - expected.keys())]
    wrong += [
        f"artifact {found[name]} is not what was sealed."
        for name in sorted(expected.keys() & found.keys())
        if _hash(found[name]) != expected[name]
    ]
    return wrong


def _files(folder: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        yield from (Path(parent) / name for name in [*names, *links])


def _hash(path: Path) -> str:
    if path.is_symlink():
        return "link:" + str(path.readlink())
    if not path.is_file():
        return "no plain file"  # a pipe would never answer
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as wrong:
        return f"unreadable: {wrong.strerror}"
