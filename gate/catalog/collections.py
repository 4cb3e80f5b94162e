"""Which collections of Ansible are there, found as Ansible finds them, but without importing it."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

_OPTIONS = ("collections_path", "collections_paths")
_DEFAULT = "~/.ansible/collections:/usr/share/ansible/collections"


def places(config: Path) -> tuple[Path, ...]:
    """Where Ansible looks: what `config`, the site's ansible.cfg, says or its own two places; then Python's packages.

    A relative path is one from the folder of `config`. Of a file that cannot be read Ansible itself says what is wrong.
    """
    said = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        said.read_string(config.read_text())
    except (OSError, ValueError, configparser.Error):
        said.clear()
    told = next((said["defaults"][one] for one in _OPTIONS if said.has_option("defaults", one)), _DEFAULT)
    # Path.expanduser raises for somebody who is not there
    full = (os.path.expandvars(os.path.expanduser(one.strip())) for one in told.split(":") if one.strip())  # noqa: PTH111
    named = (config.parent / one for one in full)
    return (*named, *map(Path, filter(None, sys.path)))


def missing(wanted: Iterable[str], where: Sequence[Path]) -> tuple[str, ...]:
    """Those of the collections `NAMESPACE.NAME` that are in none of the places."""
    return tuple(
        one
        for one in wanted
        # Path.is_dir raises where nobody may look
        if not any(os.path.isdir(os.path.join(top, "ansible_collections", *one.split("."))) for top in where)  # noqa: PTH112, PTH118
    )
