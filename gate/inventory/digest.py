"""The files that an inventory consists of: their digest, and whether they can say something new without changing."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

from gate.values.canonical import digest, digest_bytes
from gate.values.errors import InventoryError

_VARIABLES = ("group_vars", "host_vars")
_SKIPPED = frozenset({"__pycache__", ".git"})
_PLUGIN = re.compile(rb"""(?m)^[\s{-]*["']?plugin["']?\s*:""")


def inventory_digest(source: Path) -> str:
    """`sha256:...` over all that the inventory is read from: the digest that `Inventory` carries.

    Raises:
        InventoryError: there is no such file or folder, or it cannot be read.
    """
    return digest_source(source)[0]


def config_of(source: Path) -> Path | None:
    """The ansible.cfg beside the inventory, if there is one: it can name plugins, so it belongs to the source."""
    config = source.parent / "ansible.cfg"
    return config if config.is_file() else None


def digest_source(source: Path) -> tuple[str, bool]:
    """`sha256:...` over all files of the source and the version of Ansible; and whether the source is dynamic.

    Dynamic is what asks somewhere else: an executable file, or a configuration of a plugin. The ansible.cfg beside
    the source belongs to it, and beside a single file group_vars and host_vars do. Links are followed.

    Raises:
        InventoryError: there is no such file or folder, or it cannot be read.
    """
    entries: list[list[str | bool]] = []
    dynamic = False
    try:
        for name, file in sorted(source_files(source)):
            executable = bool(file.stat().st_mode & stat.S_IXUSR)
            content = file.read_bytes()
            entries.append([name, executable, digest_bytes(content)])
            dynamic = dynamic or executable or _PLUGIN.search(content) is not None
    except OSError as wrong:
        raise InventoryError(
            f"The inventory {source} cannot be read.",
            f"{wrong.strerror or wrong} ({wrong.filename}).",
            "Name a file or folder of hosts in gate.toml that the gate may read.",
        ) from None
    return digest({"ansible": _ansible(), "files": entries}), dynamic


def source_files(source: Path) -> Iterator[tuple[str, Path]]:
    """The files that belong to the source, each with its name relative to it."""
    if config := config_of(source):
        yield "../ansible.cfg", config
    if source.is_dir():
        yield from _below(source, "", frozenset())
        return
    yield source.name, source
    for name in _VARIABLES:
        if (source.parent / name).is_dir():
            yield from _below(source.parent / name, f"{name}/", frozenset())


def _below(folder: Path, prefix: str, above: frozenset[str]) -> Iterator[tuple[str, Path]]:
    real = os.path.realpath(folder)
    if real in above:
        return  # a link to a folder that it is in
    for entry in os.scandir(folder):
        if entry.name in _SKIPPED:
            continue
        if entry.is_dir():
            yield from _below(folder / entry.name, f"{prefix}{entry.name}/", above | {real})
        elif entry.is_file() or entry.is_symlink():
            yield f"{prefix}{entry.name}", folder / entry.name


@cache
def _ansible() -> str:
    return version("ansible-core")
