"""Whether an inventory could hold secrets: asked before each run, so that those without any cost nothing."""

from __future__ import annotations

import re
from pathlib import Path

from gate.inventory.digest import digest_source, source_files
from gate.values.secret_shapes import is_secret_name

_VAULT = re.compile(rb"\$ANSIBLE_VAULT|!vault")
_NAME = re.compile(rb"([A-Za-z_][A-Za-z0-9_-]{0,120})[\"']?\s*[:=]")


def may_hold_secrets(source: Path) -> bool:
    """Whether there is anything encrypted in it, a variable named as a secret is, or a script or plugin, which can
    say anything.

    Raises:
        InventoryError: it cannot be read.
    """
    if digest_source(source)[1]:
        return True
    return any(_has_secrets(file.read_bytes()) for _, file in sorted(source_files(source)))


def _has_secrets(content: bytes) -> bool:
    if _VAULT.search(content):
        return True
    return any(is_secret_name(found[1].decode()) for found in _NAME.finditer(content))
