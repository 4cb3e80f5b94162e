"""Names for what the gate makes: they sort by time and can be typed."""

from __future__ import annotations

import secrets
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u


def new_id(prefix: str, now: datetime) -> str:
    """`chg-1fz3k9q8-x7wp4m`: milliseconds since 1970, then 30 random bits."""
    return f"{prefix}-{_base32(int(now.timestamp() * 1000), 9)}-{_base32(secrets.randbits(30), 6)}"


def _base32(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 32)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
