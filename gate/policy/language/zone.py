"""Names of time zones, as they are written in rules. A name is one of the IANA list, or it is refused."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from gate.policy.language.source import Item

_ZONE = re.compile(r"UTC|[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+){1,2}")


def read_zone(item: Item) -> str:
    """The name of an IANA zone.

    Raises:
        PolicyError: there is no such zone.
    """
    name = item.text("`zone`")
    if not is_zone(name):
        raise item.error(
            f"There is no zone {name!r}.", "Zones are names of the IANA list.", "Write Europe/Berlin, say, or UTC."
        )
    return name


def is_zone(name: str) -> bool:
    """Whether it is the name of a zone of the IANA list."""
    if _ZONE.fullmatch(name) is None:
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
