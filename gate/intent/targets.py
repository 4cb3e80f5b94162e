"""Targets: a closed list of host and group names. Ansible's patterns are refused, not interpreted."""

from __future__ import annotations

import re

from gate.values.errors import IntentError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
_SPECIAL = {"all", "ungrouped", "localhost", "*"}
MAX_TARGETS = 500


def check_targets(targets: tuple[str, ...]) -> tuple[str, ...]:
    """The same names, if each is a plain name of a host or group; sorted, without repeats.

    Raises:
        IntentError: empty, too many, a pattern, an option, or one of Ansible's own groups.
    """
    if not targets:
        raise IntentError(
            "The intent names no target.", "To Ansible an empty list means every host.", "Name the hosts or groups."
        )
    if len(targets) > MAX_TARGETS:
        raise IntentError(
            f"The intent names {len(targets)} targets.",
            f"At most {MAX_TARGETS} names are taken in one intent.",
            "Name a group of the inventory, or split the work into several intents.",
        )
    for name in targets:
        if _NAME.fullmatch(name) is None or name.lower() in _SPECIAL:
            raise IntentError(
                f"{name!r} is no target.",
                "Targets are plain names of hosts and groups; patterns (! & : ~ * , @), options and "
                "`all`, `ungrouped`, `localhost` are refused, because they can mean more hosts than a person saw.",
                "List the hosts or groups by name: `gate inventory list` shows them.",
            )
    return tuple(sorted(set(targets)))
